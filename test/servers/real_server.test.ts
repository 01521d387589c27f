/** That real servers start, can be broken, come back and leave nothing behind. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { createProbe } from "../../src/shell/probe/probes.ts";
import { targetAt } from "../shell/probe/scripted_server.ts";
import { nginx } from "./launchers/nginx.ts";
import { startServer } from "./real_server.ts";
import { serverCertificate } from "./server_certificates.ts";

const clock = { now: () => performance.now(), wallMs: () => Date.now() };

test("a real server is killed, comes back, stands still, goes on, and leaves nothing", async () => {
  const probe = createProbe();
  const server = await startServer(nginx, await serverCertificate("good"));
  const { folder } = server;
  const ask = async () => {
    const target = targetAt(server.port("http"), { kind: "http", expect: "Test Page" });
    return (await probe(target, { clock, signal: new AbortController().signal }))?.reason;
  };
  try {
    expect(await ask()).toStartWith("200");
    await server.kill();
    expect(await ask()).toBe("connection refused");
    await server.restart();
    expect(await ask()).toStartWith("200");
    await server.stop();
    expect(await ask()).toStartWith("timed out");
    server.goOn();
    expect(await ask()).toStartWith("200");
  } finally {
    await server[Symbol.asyncDispose]();
  }
  expect(existsSync(folder)).toBeFalse();
  expect(await ask()).toBe("connection refused");
});
