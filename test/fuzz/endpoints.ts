/**
 * The open ports as somebody with a plain socket meets them: whatever the bytes are, the connection ends or is answered,
 * no fault is told, and the next well-formed question is answered. The gossip port is also met by somebody who has the
 * token, so that what is behind the encryption is reached.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { homeIn } from "../../src/core/home.ts";
import { adminApp } from "../../src/http/admin.ts";
import { publicApp } from "../../src/http/public.ts";
import { servePublic, serveSocket } from "../../src/http/serve.ts";
import { openStateFolder } from "../../src/shell/files/state_folder.ts";
import { deriveKey } from "../../src/shell/files/token.ts";
import { NONCE_BYTES } from "../../src/shell/gossip/token_protector.ts";
import { XorStream } from "../../src/shell/gossip/xor_stream.ts";
import { FakeOperations } from "../http/fake_operations.ts";
import { startNode, stopNode, TEST_TOKEN } from "../shell/gossip/gossip_cluster.ts";
import { freePort } from "../support/free_port.ts";
import { bytesOf, type Decoder } from "./decoder.ts";

/** How long an answer is waited for, ms; a request that is not whole gets none. */
const ANSWER_MS = 30;
/** How long the answer to a good question is waited for, ms: a busy machine is no finding. */
const PATIENCE_MS = 5_000;

/** Time between two questions to who does not answer, ms. */
const AGAIN_MS = 100;

const order = '{"service":{"protocol":"tcp","address":"192.0.2.100","port":80}}';
const seeds = bytesOf(
  "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n",
  "GET /metrics HTTP/1.0\r\n\r\n",
  "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /v1/events?limit=3 HTTP/1.1\r\nHost: x\r\n\r\n",
  `POST /v1/services/remove HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${order.length}\r\n\r\n${order}`,
  "POST /v1/vips HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
);

/** What comes behind the encryption: the first words of a connection, and of a key exchange (multistream-select, noise). */
const handshakes = [
  Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n"),
  Buffer.concat([Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n\0\x20"), Buffer.alloc(32, 9)]),
  Buffer.from("\x13/multistream/1.0.0\n\x03ls\n\x0d/yamux/1.0.0\n"),
].map((bytes) => new Uint8Array(bytes));
const clearWords = [...bytesOf("GET / HTTP/1.1\r\n\r\n"), new Uint8Array(24), new Uint8Array(60)];

/** As a bearer of the token says it: a nonce, and the words under it. */
function encrypted(words: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES).fill(5);
  const cipher = new XorStream(deriveKey(TEST_TOKEN, "gossip"), nonce);
  return new Uint8Array([...nonce, ...cipher.update(words)]);
}

type Place = { readonly path: string } | { readonly host: string; readonly port: number };

/** Says the bytes and gives the status lines that come. */
function say(place: Place, bytes: Uint8Array, ms: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let heard = "";
  const socket = createConnection(place as never);
  const timer = setTimeout(() => socket.destroy(), ms);
  socket.on("connect", () => void socket.write(bytes));
  socket.on("data", (data) => {
    heard = (heard + data.toString("latin1")).slice(0, 4_096);
    // An answer that is there need not be waited for.
    if (heard.includes("\r\n\r\n") || bytes.length === 0) socket.destroy();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(timer);
    const status = /^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1];
    // In letters: numbers do not count as another kind of outcome.
    const letters = status?.replace(/\d/g, (digit) => "abcdefghij"[Number(digit)]!);
    resolve(letters ?? (heard === "" ? "nothing" : "no HTTP"));
  });
  return promise;
}

/** Whether a good question is answered. One address has so many connections a second: then it is asked again. */
async function answers(place: Place, good: Uint8Array): Promise<boolean> {
  const endMs = performance.now() + PATIENCE_MS;
  while (performance.now() < endMs) {
    if (await say(place, good, PATIENCE_MS) !== "nothing") return true;
    await Bun.sleep(AGAIN_MS);
  }
  return false;
}

/** An open port, what is said there, and how. */
interface Port {
  readonly name: string;
  readonly place: Place;
  readonly seeds: readonly Uint8Array[];
  readonly encode?: (bytes: Uint8Array) => Uint8Array;
  /** A question that is answered. */
  readonly good: Uint8Array;
}

/** All of them, open. */
export async function openEndpointDecoders(): Promise<
  { readonly decoders: readonly Decoder[]; close(): Promise<void> }
> {
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  const folder = mkdtempSync(join(tmpdir(), "troop-fuzz-"));
  const home = homeIn(folder);
  const operations = new FakeOperations();
  const socket = await serveSocket(home, adminApp({ operations, onFault }).fetch);
  const port = await freePort();
  const app = publicApp({ operations, health: () => null, onFault });
  const open = servePublic(`127.0.0.1:${port}`, app.fetch);
  const gossip = await startNode({ folder: openStateFolder(join(folder, "gossip")) });
  const [good] = bytesOf("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  const none = new Uint8Array(0);
  const place = { host: gossip.endpoint.address, port: gossip.endpoint.port };
  const ports: readonly Port[] = [
    { name: "HTTP endpoint", place: { host: "127.0.0.1", port }, seeds, good: good! },
    { name: "admin socket", place: { path: home.socket }, seeds, good: good! },
    { name: "gossip port", place, seeds: clearWords, good: none },
    {
      name: "gossip port, with the token",
      place,
      seeds: handshakes,
      encode: encrypted,
      good: none,
    },
  ];
  const decoders = ports.map(({ name, place, seeds, encode, good }): Decoder => ({
    name,
    seeds,
    bytesMax: 262_144,
    msMax: 5_000,
    async run(bytes) {
      const answer = await say(place, encode?.(bytes) ?? bytes, ANSWER_MS);
      if (faults.length > 0) throw new Error(`told of a fault: ${String(faults.splice(0)[0])}`);
      if (!await answers(place, good)) throw new Error("does not answer any more");
      return answer;
    },
  }));
  return {
    decoders,
    async close() {
      await socket.close();
      await open?.close();
      await stopNode(gossip);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
