"""What a person reads on the page, made from facts. Pure, all of it.

A text may hold instants, written by ``words.at``; whoever shows it puts in the time of day of the
place where it is read.
"""
