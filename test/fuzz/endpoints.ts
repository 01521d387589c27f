/**
 * The two HTTP endpoints as somebody with a plain socket meets them: whatever the bytes are, the connection ends or is
 * answered, no fault is told, and the next well-formed question is answered.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { homeIn } from "../../src/core/home.ts";
import { adminApp } from "../../src/http/admin.ts";
import { publicApp } from "../../src/http/public.ts";
import { servePublic, serveSocket } from "../../src/http/serve.ts";
import { FakeOperations } from "../http/fake_operations.ts";
import { freePort } from "../support/free_port.ts";
import { bytesOf, type Decoder } from "./decoder.ts";

/** How long an answer is waited for, ms; a request that is not whole gets none. */
const ANSWER_MS = 30;
/** How long the answer to a good question is waited for, ms: a busy machine is no finding. */
const PATIENCE_MS = 5_000;

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
    if (heard.includes("\r\n\r\n")) socket.destroy();
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

/** Both endpoints, open. */
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
  const places: readonly (readonly [string, Place])[] = [
    ["HTTP endpoint", { host: "127.0.0.1", port }],
    ["admin socket", { path: home.socket }],
  ];
  const [good] = bytesOf("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  const decoders = places.map(([name, place]): Decoder => ({
    name,
    seeds,
    bytesMax: 262_144,
    msMax: 5_000,
    async run(bytes) {
      const answer = await say(place, bytes, ANSWER_MS);
      if (faults.length > 0) throw new Error(`told of a fault: ${String(faults.splice(0)[0])}`);
      if (await say(place, good!, PATIENCE_MS) === "nothing") {
        throw new Error("does not answer any more");
      }
      return answer;
    },
  }));
  return {
    decoders,
    async close() {
      await socket.close();
      await open?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
