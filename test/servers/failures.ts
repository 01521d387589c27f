/**
 * The failures every kind of check is proved against, and what a probe's reason must say of each.
 */

/** The columns of the table, in the order in which they are tried. */
export const failures = [
  "killed",
  "port closed",
  "stopped",
  "reset",
  "slow",
  "stalled",
  "cut off",
  "garbage",
  "flood",
  "wrong answer",
  "wrong password",
  "expired",
  "untrusted",
  "wrong name",
] as const;
/** A column. */
export type Failure = typeof failures[number];

/** What each one means, for whoever reads the table. */
export const meanings: Readonly<Record<Failure, string>> = {
  killed: "every process of the server killed (SIGKILL)",
  "port closed": "the server runs, but nothing listens",
  stopped: "every process stopped (SIGSTOP): the kernel takes connections, nobody answers",
  reset: "reset right after the connection is there",
  slow: "the answer comes byte by byte, slower than the timeout",
  stalled: "half of the answer, then nothing",
  "cut off": "half of the answer, then an orderly end",
  garbage: "an answer of another protocol",
  flood: "an answer without end",
  "wrong answer": "a whole answer, but not the expected one",
  "wrong password": "the password is refused",
  expired: "the certificate has expired",
  untrusted: "the certificate is of an authority that is not trusted",
  "wrong name": "the certificate is for another name",
};

/** What the reason must match, where the row says nothing else. The first group is shown in the table. */
export const words: Readonly<Record<Failure, RegExp>> = {
  killed: /(refused|port unreachable)/,
  "port closed": /(refused|port unreachable)/,
  stopped: /(timed out) after \d+ ms/,
  reset: /(reset|closed)/,
  slow: /(timed out) after \d+ ms/,
  stalled: /(timed out) after \d+ ms/,
  "cut off": /(closed|ended)/,
  garbage:
    /(not an?|is not|more than|longer than|unexpected|does not speak|closed|instead of|TLS failed)/,
  flood: /(longer than|more than|not an?|is not|unexpected|does not speak|TLS failed|instead of)/,
  "wrong answer": /(lacks?|want)/,
  "wrong password": /(password|login|log in|credentials|authenticat|Access-Reject)/i,
  expired: /certificate has (expired)/,
  untrusted: /(not trust)/,
  "wrong name": /certificate is (not for)/,
};

/** Those in which nothing comes: there the probe is given little time, for it will need all of it. */
export const silent: ReadonlySet<Failure> = new Set(["stopped", "slow", "stalled"]);
/** Those a proxy between probe and server brings about. */
export const onTheWayFailures = [
  "port closed",
  "reset",
  "slow",
  "stalled",
  "cut off",
  "garbage",
  "flood",
] as const satisfies readonly Failure[];
/** Those that need a connection, so that datagrams know nothing of them. */
export const ofConnections: ReadonlySet<Failure> = new Set(["reset", "slow", "stalled"]);
