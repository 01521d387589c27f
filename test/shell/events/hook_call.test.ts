/**
 * Calls of hooks: real programs and a real HTTP server.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Hook, type HookMessage, hookSchema } from "../../../src/core/hook.ts";
import { callHook, hookProblem } from "../../../src/shell/events/hook_call.ts";
import { readTextOrNull } from "../../../src/shell/files/host_facts.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const MESSAGE: HookMessage = {
  id: 7,
  time: "2026-01-02T12:00:01.000Z",
  kind: "service",
  level: "warn",
  text: "service 10.0.0.100:80: no server is up",
  fields: { service: "10.0.0.100:80", mode: "fallback" },
  cluster: "troop",
  node: "n1",
  dropped: 0,
};

function call(fields: object, signal = new AbortController().signal): Promise<string | null> {
  const hook: Hook = hookSchema.parse({ name: "h", timeoutMs: 5_000, ...fields });
  return callHook(hook, MESSAGE, { signal, pausesMs: [5, 5] });
}

const sh = (text: string, ...words: string[]) => ({
  command: ["/bin/sh", "-c", text, "sh", ...words],
});

describe("a program", () => {
  test("gets its words, JSON on standard input, and the environment", async () => {
    const file = join(tempFolder(), "out");
    const text = 'cat > "$1"; echo "$TROOP_EVENT $TROOP_SERVICE $TROOP_MODE" >> "$1"';
    expect(await call(sh(text, file))).toBeNull();
    const [json, environment] = readFileSync(file, "utf8").split("\n");
    expect(JSON.parse(json!)).toEqual(MESSAGE);
    expect(environment).toBe("service 10.0.0.100:80 fallback");
  });

  test("that fails says why in its own words", async () => {
    expect(await call(sh("echo no mail server >&2; echo more >&2; exit 3")))
      .toBe("ended with status 3: no mail server");
    expect(await call({ command: ["/no/such"] })).toContain("cannot be run");
  });

  test("that hangs is killed with its children, and ignoring SIGTERM does not help", async () => {
    const file = join(tempFolder(), "pid");
    const text = 'trap "" TERM; sleep 60 & echo $! > "$1"; wait';
    expect(await call({ ...sh(text, file), timeoutMs: 300 })).toBe("did not end within 0.3 s");
    const pid = readFileSync(file, "utf8").trim();
    await eventually("its child is gone", () => {
      const stat = readTextOrNull(`/proc/${pid}/stat`);
      return stat === null || stat.includes(") Z ");
    });
  });

  test("is ended with the agent", async () => {
    const ending = new AbortController();
    const ended = call(sh("sleep 60"), ending.signal);
    await Bun.sleep(50);
    ending.abort();
    expect(await ended).toBe("was stopped");
  });
});

describe("a webhook", () => {
  const servers: { stop(force: boolean): unknown }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.stop(true);
  });

  /** Answers with these, one after the other, the last one for ever. */
  function server(...answers: (number | "hang" | Response)[]) {
    const got: unknown[] = [];
    const at = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        got.push(await request.json());
        const answer = answers[Math.min(got.length, answers.length) - 1]!;
        if (answer === "hang") await Bun.sleep(10_000);
        return typeof answer === "object" ? answer : new Response("x", { status: Number(answer) });
      },
    });
    servers.push(at);
    return { got, webhook: `http://127.0.0.1:${at.port}/secret-path` };
  }

  test("gets the event as JSON", async () => {
    const { got, webhook } = server(204);
    expect(await call({ webhook })).toBeNull();
    expect(got).toEqual([MESSAGE]);
  });

  test("is asked a few times while it fails, and no more", async () => {
    const flaky = server(500, 429, 200);
    expect(await call({ webhook: flaky.webhook })).toBeNull();
    expect(flaky.got).toHaveLength(3);
    const broken = server(503);
    expect(await call({ webhook: broken.webhook })).toBe("answered 503");
    expect(broken.got).toHaveLength(3);
  });

  test("is not asked again when it refuses, and followed nowhere", async () => {
    const wrong = server(404);
    expect(await call({ webhook: wrong.webhook })).toBe("answered 404");
    expect(wrong.got).toHaveLength(1);
    const target = server(200);
    const moved = server(Response.redirect(target.webhook, 307));
    expect(await call({ webhook: moved.webhook })).toBe("answered 307");
    expect(target.got).toEqual([]);
  });

  test("that hangs or is not there is given up, without its secret address", async () => {
    const slow = server("hang");
    expect(await call({ webhook: slow.webhook, timeoutMs: 100 })).toBe(
      "gave no answer within 0.1 s",
    );
    const problem = await call({ webhook: `http://127.0.0.1:${await freePort()}/secret-path` });
    expect(problem).toContain("cannot be reached");
    expect(problem).not.toContain("secret-path");
  });
});

test("a program that cannot be run is found before the agent runs", () => {
  const folder = tempFolder();
  const file = join(folder, "hook");
  writeFileSync(file, "#!/bin/sh\n");
  chmodSync(file, 0o644);
  const problem = (path: string) => hookProblem(hookSchema.parse({ name: "h", command: [path] }));
  expect(problem(file)).toBe(`${file} is not executable`);
  expect(problem(folder)).toBe(`${folder} is no file`);
  expect(problem(join(folder, "none"))).toBe(`${join(folder, "none")} is missing`);
  chmodSync(file, 0o755);
  expect(problem(file)).toBeNull();
});
