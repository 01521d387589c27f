/** Opening the socket and the port: modes, leftovers, and who is already there. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { homeIn } from "../../src/core/home.ts";
import { Refusal } from "../../src/core/refusal.ts";
import { refuseSecondAgent, type Served, servePublic, serveSocket } from "../../src/http/serve.ts";
import { freePort } from "../support/free_port.ts";
import { refused } from "../support/refused.ts";
import { tempFolder } from "../support/temp_folder.ts";

const open: Served[] = [];

afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
});

async function serve(home: ReturnType<typeof homeIn>): Promise<Served> {
  const served = await serveSocket(home, () => new Response("here"));
  open.push(served);
  return served;
}

function ask(path: string): Promise<string> {
  return fetch("http://troop/", { unix: path }).then((response) => response.text());
}

describe("serveSocket", () => {
  test("listens on a socket for its owner alone, and removes it at the end", async () => {
    const home = homeIn(tempFolder());
    const before = process.umask();
    const served = await serve(home);
    expect(process.umask()).toBe(before);
    expect(statSync(home.socket).mode & 0o777).toBe(0o600);
    expect(await ask(home.socket)).toBe("here");
    await served.close();
    expect(existsSync(home.socket)).toBe(false);
  });

  test("takes over the socket a killed agent left", async () => {
    const home = homeIn(tempFolder());
    const script = `Bun.serve({ unix: ${
      JSON.stringify(home.socket)
    }, fetch: () => new Response("old") }); console.log("up")`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    for await (const _ of child.stdout) break;
    child.kill("SIGKILL");
    await child.exited;
    expect(existsSync(home.socket)).toBe(true);
    await serve(home);
    expect(await ask(home.socket)).toBe("here");
  });

  test("refuses while another agent answers, and leaves its socket alone", async () => {
    const home = homeIn(tempFolder());
    await serve(home);
    const { message } = await refused(serveSocket(home, () => new Response("second")));
    expect(message).toBe(
      `open ${home.socket}: another agent is running for this node; stop it first, or see it with \`troop --home ${home.folder} status\``,
    );
    expect((await refused(refuseSecondAgent(home))).message).toBe(message);
    expect(await ask(home.socket)).toBe("here");
  });

  test("counts an agent that hangs as running", async () => {
    const home = homeIn(tempFolder());
    const hanging = createServer(() => {});
    await new Promise<void>((resolve) => hanging.listen(home.socket, resolve));
    const { problem } = await refused(serveSocket(home, () => new Response("second")));
    expect(problem).toBe("another agent is running for this node");
    hanging.close();
  });

  test("does not remove what is no socket", async () => {
    const home = homeIn(tempFolder());
    writeFileSync(home.socket, "precious");
    const { message } = await refused(serve(home));
    expect(message).toBe(
      `open ${home.socket}: something that is no socket is in its place; move it away`,
    );
    expect(existsSync(home.socket)).toBe(true);
  });

  test.each([
    [
      "a path that is too long",
      () => join(tempFolder(), "x".repeat(120)),
      "the path is too long for a Unix socket (107 bytes, unix(7)); use a --home with a shorter path",
    ],
    [
      "a folder that is missing",
      () => join(tempFolder(), "gone"),
      "its folder is missing; make the folder, or use --home DIR",
    ],
  ])("refuses %s", async (_, folder, words) => {
    const home = homeIn(folder());
    expect((await refused(serve(home))).message).toBe(`open ${home.socket}: ${words}`);
  });

  // Bun cuts connections that were silent for 10 s; the option against it is not in its types for Unix sockets.
  test("waits as long as it was told for an answer that takes long", async () => {
    const home = homeIn(tempFolder());
    const never = () => new Promise<Response>(() => {});
    open.push(await serveSocket(home, never, { idleSeconds: 1 }));
    const start = performance.now();
    const outcome = await ask(home.socket).catch((error: { code?: string }) => error.code);
    expect(outcome).toBe("ECONNRESET");
    expect(performance.now() - start).toBeLessThan(9_000);
  }, 20_000);
});

describe("servePublic", () => {
  test("listens where it was told, and not when it was told off", async () => {
    const port = await freePort();
    const served = servePublic(`127.0.0.1:${port}`, () => new Response("here"));
    open.push(served!);
    expect(served?.at).toBe(`127.0.0.1:${port}`);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("here");
    expect(servePublic("off", () => new Response("here"))).toBeNull();
  });

  test("listens on IPv6", async () => {
    const port = await freePort();
    open.push(servePublic(`[::1]:${port}`, () => new Response("six"))!);
    expect(await (await fetch(`http://[::1]:${port}/`)).text()).toBe("six");
  });

  test("refuses a port in use, and names it and the option", async () => {
    const port = await freePort();
    open.push(servePublic(`127.0.0.1:${port}`, () => new Response("first"))!);
    expect(() => servePublic(`127.0.0.1:${port}`, () => new Response("second"))).toThrow(
      new Refusal({
        attempted: `open the HTTP endpoint 127.0.0.1:${port}`,
        problem: `port ${port} is in use by another program`,
        remedy: "set `http` in troop.yaml to another IP:PORT, or to off",
      }),
    );
  });

  test("refuses an address this machine does not have", () => {
    expect(() => servePublic("203.0.113.9:6941", () => new Response("x"))).toThrow(
      "open the HTTP endpoint 203.0.113.9:6941: this machine has no address 203.0.113.9; " +
        "set `http` in troop.yaml to another IP:PORT, or to off",
    );
  });

  test("refuses what is no endpoint", () => {
    expect(() => servePublic("localhost:6941", () => new Response("x"))).toThrow(
      'open the HTTP endpoint: "localhost:6941" is not IP:PORT; ' +
        "set `http` in troop.yaml, for example to 127.0.0.1:6941, or to off",
    );
  });

  test("cuts a request whose body is too big", async () => {
    const port = await freePort();
    const read = async (request: Request) => new Response(String((await request.text()).length));
    open.push(servePublic(`127.0.0.1:${port}`, read)!);
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: "POST",
      body: "x".repeat(100_000),
    });
    expect(response.status).toBe(413);
  });
});
