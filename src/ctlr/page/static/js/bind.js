/**
 * Puts a view into the page that was painted from one like it: the same elements get new words.
 *
 * data-text="a.b"            the text of the element
 * data-shown, data-hidden    whether it is there
 * data-attr="name:a.b;…"     attributes; true is an empty one, null, false and "" take it away
 *                            (data-* and aria-* keep true and false as words)
 * data-each="a.list"         one copy of its <template> for each item, told apart by data-key
 *
 * Within an item a path that begins with a dot is the item's own; "." is the item itself.
 * What has not changed is not touched: a reader, a selection and the focus stay where they are.
 */
import { withTimes } from 'ctlr/times.js';

export function bind(root, view) {
  walk(root, view, view);
}

function walk(element, view, item) {
  if (element.localName === 'template') return;
  one(element, view, item);
  if (element.dataset.each !== undefined) {
    each(element, view, item);
    return;
  }
  for (const child of element.children) walk(child, view, item);
}

function one(element, view, item) {
  const { text, shown, hidden, attr } = element.dataset;
  if (text !== undefined) setText(element, look(text, view, item));
  if (shown !== undefined) setHidden(element, !look(shown, view, item));
  if (hidden !== undefined) setHidden(element, Boolean(look(hidden, view, item)));
  if (attr !== undefined) {
    for (const pair of attr.split(';')) {
      const [name, path] = pair.split(':');
      setAttribute(element, name, look(path, view, item));
    }
  }
}

function each(list, view, item) {
  const template = list.querySelector(':scope > template');
  const items = look(list.dataset.each, view, item) || [];
  const here = new Map();
  for (const child of [...list.children]) {
    if (child !== template) here.set(child.dataset.item, child);
  }
  let before = template;
  for (const each of items) {
    const key = String(list.dataset.key ? each[list.dataset.key] : each);
    let child = here.get(key);
    here.delete(key);
    if (!child) {
      child = template.content.firstElementChild.cloneNode(true);
      child.dataset.item = key;
    }
    if (before.nextElementSibling !== child) before.after(child);
    walk(child, view, each);
    before = child;
  }
  for (const child of here.values()) child.remove();
}

function look(path, view, item) {
  if (path === '.') return item;
  const from = path.startsWith('.') ? item : view;
  const names = path.split('.').filter(Boolean);
  return names.reduce((value, name) => (value === null || value === undefined ? null : value[name]), from);
}

function setText(element, value) {
  const text = withTimes(value === null || value === undefined ? '' : String(value));
  if (element.textContent !== text) element.textContent = text;
}

function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

function setAttribute(element, name, value) {
  const worded = name.startsWith('data-') || name.startsWith('aria-');
  const gone = value === null || value === undefined || (!worded && (value === false || value === ''));
  if (gone) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true && !worded ? '' : String(value);
  if (name === 'value' && element.value !== undefined) {
    if (String(element.value) !== text) element.value = value;
  } else if (element.getAttribute(name) !== text) {
    element.setAttribute(name, text);
  }
}
