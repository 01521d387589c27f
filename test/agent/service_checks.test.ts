/** Checks that can never work are refused by the agent, whoever orders them. */
import { expect, test } from "bun:test";
import { type Check, type CheckKind, checkSchema } from "../../src/core/check.ts";
import type { EndpointService } from "../../src/core/service/service.ts";
import { machine, serverEntry, service } from "../support/cluster_views.ts";
import { bench, line } from "./operations_bench.ts";

function checkOf(kind: CheckKind, fields: object): Check {
  return checkSchema.parse({ kind, ...fields });
}

test.each<[string, Partial<EndpointService>, string]>([
  [
    "an expression that does not compile",
    { check: checkOf("http", { expect: "(" }) },
    'option expect: "(" is not a regular expression: missing closing ): `(`; see `troop check kinds http`',
  ],
  [
    "a program without a path",
    { check: checkOf("external", { command: ["x"] }) },
    'the program "x" must be named by its absolute path; see `troop check kinds external`',
  ],
])("refuses a check that can never work: %s", async (_, fields, problem) => {
  const at = await bench();
  expect(await line(at, () => at.operations.addService(service(fields)))).toBe(
    `add service 10.0.0.100:80: ${problem}`,
  );
  const there = await bench(undefined, [service()]);
  const { check } = service(fields);
  expect(await line(there, () => there.operations.setService(service(), { check }))).toBe(
    `change service 10.0.0.100:80: ${problem}`,
  );
});

test("refuses a check whose files this machine lacks", async () => {
  const at = await bench();
  at.files.problem = ({ kind }) => kind === "external" ? "the program /x is missing" : null;
  const check = checkOf("external", { command: ["/x"] });
  expect(await line(at, () => at.operations.addService(service({ check })))).toBe(
    "add service 10.0.0.100:80: the program /x is missing; see `troop check kinds external`",
  );
  const there = await bench(undefined, [service({ check })]);
  there.files.problem = at.files.problem;
  expect(await there.operations.setService(service(), { weight: 3 })).toContain("changed");
});

test("refuses a file check beside a machine without an agent, whichever comes first", async () => {
  const file = checkOf("file", { path: "/run/x" });
  const other = serverEntry(machine(50));
  const edits = [{ kind: "putServer", server: other }] as const;
  const at = await bench(undefined, [service()], edits);
  expect(await line(at, () => at.operations.setService(service(), { check: file }))).toContain(
    "server 10.0.0.50:80: the service has a file check, which asks members only",
  );
  const second = await bench(undefined, [service({ check: file })]);
  const place = { address: "10.0.0.50", port: null };
  expect(await line(second, () => second.operations.addServer(service(), place, {}))).toContain(
    "the service has a file check, which asks members only",
  );
});
