/** The document over a real socket: whole, in lines, and who asks. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { type Home, homeIn } from "../../src/core/home.ts";
import { adminApp } from "../../src/http/admin.ts";
import { adminClient } from "../../src/http/admin_client.ts";
import { APPLY_EDITS_MAX } from "../../src/http/admin_wire.ts";
import { type Served, serveSocket } from "../../src/http/serve.ts";
import { sampleService } from "../support/sample_service.ts";
import { refused } from "../support/refused.ts";
import { tempFolder } from "../support/temp_folder.ts";
import { FakeOperations } from "./fake_operations.ts";

// Thousands of lines take their time on a busy machine.
setDefaultTimeout(30_000);

let operations: FakeOperations;
let home: Home;
let served: Served;

beforeEach(async () => {
  operations = new FakeOperations();
  home = homeIn(tempFolder());
  served = await serveSocket(home, adminApp({ operations }).fetch);
});

afterEach(() => served.close());

test("a long order arrives whole and lets the loop run, and the document comes back the same", async () => {
  const edits = Array.from({ length: 300 }, (_, port) => (
    { kind: "putService", service: sampleService({ port: port + 1 }) } as const
  ));
  const client = adminClient(home, "anna");
  let turns = 0;
  let waits = true;
  const turn = () => {
    turns++;
    if (waits) setImmediate(turn);
  };
  turn();
  const { message } = await client.apply({ base: "v0", edits, dryRun: false });
  waits = false;
  expect(message).toBe("300 edits");
  // It turns three times if all is read in one go.
  expect(turns).toBeGreaterThan(edits.length / 20);
  expect(operations.users).toEqual(["anna"]);
  expect((await client.document()).services).toHaveLength(300);
});

test("who asks is told in printable characters, and is nobody where nobody says it", async () => {
  await adminClient(home, "an\tna \x1b[31m").setSetting("sync-ttl", "2");
  await adminClient(home).setSetting("sync-ttl", "3");
  expect(operations.users).toEqual(["anna[31m", ""]);
});

async function send(body: string): Promise<[number, string]> {
  const response = await fetch("http://troop/admin/v1/document/apply", {
    unix: home.socket,
    method: "POST",
    body,
  });
  const { error } = await response.json() as { readonly error: { readonly problem: string } };
  return [response.status, error.problem];
}

test.each([
  ["", /^the body is empty/],
  ["no JSON\n", /^the body is not lines of JSON/],
  ['{"base":"v0"}\n', /^dryRun: /],
  ['{"base":"v0","dryRun":true}\n{"kind":"explode"}\n', /^kind: /],
  [`{"base":"v0","dryRun":true}\n"${"x".repeat(100_000)}`, /^the body is not lines of JSON/],
])("the order %#, which is none, is refused", async (body, problem) => {
  const [status, text] = await send(body);
  expect(status).toBe(400);
  expect(text).toMatch(problem);
  expect(operations.file.orders).toEqual([]);
});

test("an order with too many edits is refused", async () => {
  const line = '{"kind":"removeSetting","name":"sync-ttl"}\n';
  const body = `{"base":"v0","dryRun":false}\n${line.repeat(APPLY_EDITS_MAX + 1)}`;
  expect(await send(body)).toEqual([400, `the order has more than ${APPLY_EDITS_MAX} edits`]);
});

test("an edit to undo that is not remembered is refused in the agent's words", async () => {
  const refusal = await refused(adminClient(home).undo({ id: "9", force: false, dryRun: false }));
  expect(refusal.message).toBe(
    "undo 9: no such edit is remembered; see them with `troop history`",
  );
});
