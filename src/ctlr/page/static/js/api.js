/** Calls to the API, and what it answers in words. */
const WITHIN_MS = 15000;

export class Refused extends Error {
  constructor(detail, code, status) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

/** The answer's JSON. Throws Refused with a sentence for a person. */
export async function call(method, path, body, withinMs = WITHIN_MS) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(withinMs),
    });
  } catch {
    throw new Refused('The controller did not answer. Look at the Wi-Fi of this phone.', 'no_answer', 0);
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(told.detail ?? `The controller answered ${answer.status}.`, told.code, answer.status);
  return told;
}

/** For what may be said twice: tried again while the line is bad. */
export async function insist(method, path, body, times = 4) {
  for (let left = times - 1; ; left -= 1) {
    try {
      return await call(method, path, body, 6000);
    } catch (error) {
      if (error.status !== 0 || left <= 0) throw error;
      await new Promise((done) => setTimeout(done, 700));
    }
  }
}

/** A session id: crypto.randomUUID is not there over plain HTTP. */
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
