/** Checks of any kind with any options, for properties. */
import fc from "fast-check";
import { type Check, type CheckKind, checkShape, completeCheck } from "../../../src/core/check.ts";
import { optionsOf } from "../../../src/core/check/options.ts";

const time = fc.integer({ min: 100, max: 3_600_000 });
const digit = fc.integer({ min: 1, max: 100 });
const line = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((text) => !/\p{Cc}/u.test(text));
const text = fc.string({ minLength: 1, maxLength: 20 });
const dense = fc.string({ minLength: 1, maxLength: 20 }).filter((item) =>
  !/[\s\p{Cc}]/u.test(item)
);
const file = line.map((item) => `/${item}`);
const escaped = text.map((item) => item.replaceAll("\\", "\\\\"));
const literal = fc.stringMatching(/^[a-z ]{1,10}$/);
const range = fc.tuple(
  fc.integer({ min: 100, max: 299 }),
  fc.integer({ min: 300, max: 599 }),
);
const step = fc.oneof(
  escaped.map((send) => ({ send })),
  escaped.map((expect) => ({ expect, regex: false })),
  literal.map((expect) => ({ expect, regex: true })),
);

/** Values of fields, where the words that a schema takes do not say them. */
const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  port: fc.integer({ min: 1, max: 65_535 }),
  intervalMs: time,
  fastMs: time,
  timeoutMs: time,
  jitter: fc.integer({ min: 0, max: 50 }),
  rise: digit,
  fall: digit,
  warnDays: digit,
  source: fc.constantFrom("192.0.2.1", "2001:db8::1"),
  device: fc.constantFrom("eth0", "br-lan"),
  verify: fc.boolean(),
  shell: fc.constant(false),
  dynamic: fc.boolean(),
  authority: file,
  certificate: file,
  key: file,
  serverName: dense,
  host: dense,
  hello: dense,
  uri: dense,
  path: file,
  headers: fc.array(
    fc.record({
      name: fc.constantFrom("X-A", "Accept"),
      value: line.map((item) => item.trimStart()),
    }),
    { maxLength: 3 },
  ),
  body: escaped,
  status: fc.array(range, { minLength: 1, maxLength: 3 }),
  expect: literal,
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  send: escaped,
  command: fc.array(text, { minLength: 1, maxLength: 4 }).map((
    [first, ...rest],
  ) => [`/${first}`, ...rest]),
  user: line,
  query: text,
  name: line,
  base: line,
  filter: line,
  database: line,
  service: line,
};

/** A check of a kind. With a secret, every secret of it is that. */
export function anyCheck(kind: CheckKind, secret?: string): fc.Arbitrary<Check> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const { field, codec, secret: hidden } of optionsOf(kind)) {
    const words = codec.hint.split("|").filter((word) =>
      checkShape(kind)[field]?.safeParse(word).success
    );
    const known = hidden ? (secret === undefined ? line : fc.constant(secret)) : values[field];
    fields[field] = known ?? fc.constantFrom(...words);
  }
  if (kind === "http" || kind === "https") fields["path"] = dense.map((item) => `/${item}`);
  if (secret !== undefined && "headers" in fields) {
    fields["headers"] = fc.constant([{ name: "X-Api-Key", value: secret }]);
  }
  const required = Object.keys(fields).filter((field) =>
    checkShape(kind)[field]?.safeParse(undefined).success === false
  );
  const named = fc.record(fields, { requiredKeys: required });
  return named.map((values) => {
    const check = completeCheck({ kind, ...values });
    if (typeof check === "string") throw new Error(`${check}: ${JSON.stringify(values)}`);
    return check;
  });
}
