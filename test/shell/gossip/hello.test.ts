/** Asking a member, as `troop join` does, and each way in which that fails. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import type { HelloAnswer } from "../../../src/shell/gossip/hello_answer.ts";
import { askHello } from "../../../src/shell/gossip/hello.ts";
import { newToken } from "../../../src/shell/files/token.ts";
import { freePort } from "../../support/free_port.ts";
import { member, startNode, stopNodes, TEST_TOKEN } from "./gossip_cluster.ts";
import { refused } from "../../support/refused.ts";

// Real sockets take their time on a machine that does other things too.
setDefaultTimeout(30_000);
afterEach(stopNodes);

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A program that is not troop. */
async function startOther(greet: (socket: Socket) => void): Promise<number> {
  const port = await freePort();
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    greet(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return port;
}

const ask = (port: number, options: { token?: string; address?: string } = {}) =>
  askHello({ address: "127.0.0.1", token: TEST_TOKEN, version: "0.1.0", port, ...options });

describe("askHello", () => {
  test("gets the cluster's name, the member and the other members", async () => {
    const answer: HelloAnswer = {
      cluster: "test",
      self: member("00000000000000aa", 6940, "n1"),
      members: [member("00000000000000bb", 6941, "n2")],
    };
    const node = await startNode({ hello: () => answer });
    expect(await ask(node.endpoint.port)).toEqual(answer);
    // Somebody who only asks is no member.
    expect(node.events).toEqual([]);
  });

  test("says that the token is wrong when a member has another", async () => {
    const node = await startNode();
    const refusal = await refused(ask(node.endpoint.port, { token: newToken() }));
    expect(refusal.problem).toStartWith("a member answers there, but it has another token (");
    expect(refusal.remedy).toContain("troop token");
  });

  test("says connection refused when nobody listens", async () => {
    const port = await freePort();
    const refusal = await refused(ask(port));
    expect(refusal.message).toStartWith(
      `ask 127.0.0.1:${port} to join: cannot be reached: connection refused; `,
    );
  });

  const others: { name: string; greet: (socket: Socket) => void }[] = [
    {
      name: "greets in text, as ssh does",
      greet: (socket) => socket.write("SSH-2.0-OpenSSH_9.2p1\r\n"),
    },
    {
      name: "greets in long text",
      greet: (socket) => socket.write("220 mail.example.org ESMTP at your service\r\n"),
    },
    { name: "says nothing, as a web server does", greet: () => {} },
    { name: "closes at once", greet: (socket) => socket.end() },
    {
      name: "sends garbage without end",
      greet: (socket) => socket.write(new Uint8Array(5_000).fill(0xee)),
    },
  ];
  for (const { name, greet } of others) {
    test(`says that it is not troop when the other ${name}`, async () => {
      const refusal = await refused(ask(await startOther(greet)));
      expect(refusal.problem).toBe("something answers there, but it is not troop");
    });
  }

  test("says that the answer is not understood when it is something else", async () => {
    const node = await startNode({ hello: () => ({ cluster: 1 }) as unknown as HelloAnswer });
    expect((await refused(ask(node.endpoint.port))).problem).toContain("cannot be understood");
  });

  test("ends with a refusal when the member breaks off", async () => {
    const node = await startNode({
      hello: () => {
        throw new Error("not ready");
      },
    });
    expect((await refused(ask(node.endpoint.port))).problem).toContain("did not answer");
  });
});
