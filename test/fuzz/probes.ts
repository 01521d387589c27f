/**
 * Readers of what servers answer to probes. Datagrams are read by functions; conversations are held for real, with a
 * server on loopback that says what it is given, in two pieces, and ends.
 */
import { createServer, type Server, type Socket } from "node:net";
import { type Check, checkSchema } from "../../src/core/check.ts";
import { encodeQuestion, judgeAnswer } from "../../src/shell/probe/dns_message.ts";
import { createProbe } from "../../src/shell/probe/probes.ts";
import { readAnswer } from "../../src/shell/probe/radius_packet.ts";
import { readHead } from "../../src/shell/probe/sip_message.ts";
import { hex } from "../ffi/hex.ts";
import { bytesOf, type Decoder, textDecoder } from "./decoder.ts";

const question = { id: 7, name: "www.example.org", type: "A" } as const;
const dnsAnswer = ((): Uint8Array => {
  const asked = encodeQuestion(question);
  const head = Buffer.from(asked);
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(2, 6);
  const cname = hex("c00c 0005 0001 0000003c 0006 03 777777 c010".replaceAll(" ", ""));
  const record = hex("c00c 0001 0001 0000003c 0004 c0000207".replaceAll(" ", ""));
  return Buffer.concat([head, cname, record]);
})();

const radius = {
  id: 0,
  authenticator: hex("0f403f94 73978057 bd83d5cb 98f4227a"),
  secret: "xyzzy5461",
  login: { user: "nemo", password: "arctangent" },
};
const accept = hex(
  "02000026 86fe220e 7624ba2a 1005f6bf 9b55e0b2 06060000 0001 0f060000 0000 0e06c0a8 0103",
);
const sip = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nCall-ID: y\r\n" +
  "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

const datagrams: readonly Decoder[] = [
  {
    name: "DNS answer",
    seeds: [dnsAnswer],
    bytesMax: 8_192,
    run: (bytes) => judgeAnswer(Buffer.from(bytes), question, null),
  },
  {
    name: "RADIUS answer",
    seeds: [accept],
    bytesMax: 8_192,
    run: (bytes) => readAnswer(Buffer.from(bytes), radius),
  },
  textDecoder(
    "SIP answer",
    [sip],
    (text) => readHead(text, { branch: "z9hG4bKx", callId: "y" } as Parameters<typeof readHead>[1]),
  ),
];

/** What servers say in a conversation, all at once: probes take the answers one after the other. */
const conversations: readonly (readonly [options: object, ...seeds: string[]])[] = [
  [{ kind: "agent" }, "75% up # fine\n", "weight:5 drain\n"],
  [
    { kind: "http", path: "/", expect: "x" },
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
  ],
  [{ kind: "chat", steps: [{ expect: "PONG", regex: false }] }, "+PONG\r\n"],
  [{ kind: "smtp" }, "220 x\r\n250-x\r\n250 STARTTLS\r\n221 bye\r\n"],
  [{ kind: "imap" }, "* OK [CAPABILITY IMAP4rev1] x\r\n* BYE\r\na1 OK x\r\na2 OK x\r\n"],
  [{ kind: "pop3" }, "+OK x\r\n+OK bye\r\n"],
  [{ kind: "ftp" }, "220-x\r\n220 x\r\n331 x\r\n230 x\r\n221 x\r\n"],
  [{ kind: "nntp" }, "200 x\r\n205 x\r\n"],
  [
    { kind: "redis", role: "master" },
    "+PONG\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
  ],
  [
    { kind: "mysql", user: "a", query: "select 1" },
    "J\0\0\0\n8.0.36\0\x08\0\0\0aaaaaaaa\0\xff\xff\xff\x02\0\xff\xdf\x15" +
    "\0\0\0\0\0\0\0\0\0\0aaaaaaaaaaaa\0mysql_native_password\0",
  ],
  [{ kind: "postgresql", user: "a", query: "select 1" }, "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"],
  [{ kind: "ldap" }, "0\x0c\x02\x01\x01a\x07\n\x01\0\x04\0\x04\0"],
  [{ kind: "grpc" }, "\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0"],
  [
    { kind: "dns", name: "x", type: "A", transport: "tcp" },
    "\0\x0c\0\x07\x81\x80\0\0\0\0\0\0\0\0",
  ],
];

/** Time for one conversation, ms. */
const TIMEOUT_MS = 200;

/** A server that says what it is given to everybody who comes. */
class Speaker {
  words: Uint8Array = new Uint8Array(0);
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      socket.resume();
      const half = this.words.length >> 1;
      socket.write(this.words.subarray(0, half));
      socket.end(this.words.subarray(half));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as { port: number }).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

const clock = { now: () => performance.now(), wallMs: () => Date.now() };

/** All readers, and how to close what they need. */
export async function openProbeDecoders(): Promise<
  { readonly decoders: readonly Decoder[]; close(): void }
> {
  const speaker = new Speaker();
  const port = await speaker.listen();
  const probe = createProbe();
  const live = conversations.map(([options, ...seeds]): Decoder => {
    const check: Check = checkSchema.parse({ timeoutMs: TIMEOUT_MS, ...options });
    return {
      name: `probe ${check.kind}`,
      seeds: seeds.flatMap((seed) =>
        /[\x80-\xff]/.test(seed) ? [new Uint8Array(Buffer.from(seed, "latin1"))] : bytesOf(seed)
      ),
      bytesMax: 131_072,
      // The probe's own deadline, and a busy machine's delay.
      msMax: 4 * TIMEOUT_MS,
      async run(bytes) {
        speaker.words = bytes;
        const signal = new AbortController().signal;
        const target = { key: "x", address: "127.0.0.1", port, check };
        const result = await probe(target, { clock, signal });
        return result === null ? null : { ...result, tookMs: 0 };
      },
    };
  });
  return { decoders: [...datagrams, ...live], close: () => speaker.close() };
}
