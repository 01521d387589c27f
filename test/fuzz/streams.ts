/**
 * What peers say on streams of their own, beside gossip: messages with their length in front, and the handing over of a
 * token. The other end of each stream says the bytes and ends.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { streamPair } from "@libp2p/utils";
import { createFrames } from "../../src/shell/gossip/frames.ts";
import { askToken, serveToken } from "../../src/shell/gossip/gossip_tokens.ts";
import type { Decoder } from "./decoder.ts";

const BYTES_MAX = 4_096;
/** Time for one conversation, ms; whoever ends does it at once. */
const TIMEOUT_MS = 1_000;
const fingerprint = "0123456789abcdef";
const token = `troop1-${"ab".repeat(32)}`;

const framed = (text: string) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);

/** A stream on which the other side has said this, and ended. */
async function told(bytes: Uint8Array): Promise<Stream> {
  const [other, stream] = await streamPair({ delay: 0 });
  other.send(bytes);
  void other.close().catch(() => {});
  return stream;
}

const base = { bytesMax: 16_384, msMax: 2 * TIMEOUT_MS, mayThrow: [Error] } as const;

/** See the head of this file. */
export const streamDecoders: readonly Decoder[] = [
  {
    ...base,
    name: "frames",
    seeds: [
      Buffer.concat([framed("one"), framed(""), framed("three")]),
      Buffer.concat([Buffer.of(0x80, 0x20), Buffer.alloc(BYTES_MAX)]),
      Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
    ].map((bytes) => new Uint8Array(bytes)),
    async run(bytes) {
      const frames = createFrames(await told(bytes), {
        bytesMax: BYTES_MAX,
        timeoutMs: TIMEOUT_MS,
      });
      const lengths: number[] = [];
      try {
        for (;;) lengths.push((await frames.read()).length);
      } catch (error) {
        if ((error as Error).name === "TimeoutError") throw new FuzzFault("waits for ever");
      }
      if (lengths.some((length) => length > BYTES_MAX)) throw new FuzzFault("takes too much");
      if (lengths.reduce((sum, length) => sum + length, 0) > bytes.length) {
        throw new FuzzFault("makes bytes that nobody said");
      }
      return lengths.length;
    },
  },
  {
    ...base,
    name: "token, asked for",
    seeds: [framed(fingerprint), framed("x"), framed(`${fingerprint}0`)].map((one) =>
      new Uint8Array(one)
    ),
    async run(bytes) {
      let asked: string | undefined;
      await serveToken(await told(bytes), (name) => {
        asked = name;
        return name === fingerprint ? token : undefined;
      });
      if (asked !== undefined && !/^[0-9a-f]{16}$/.test(asked)) {
        throw new FuzzFault(`looks for a token by ${JSON.stringify(asked)}`);
      }
      return asked === fingerprint;
    },
  },
  {
    ...base,
    name: "token, given",
    seeds: [framed(token), framed(""), framed(token.toUpperCase())].map((one) =>
      new Uint8Array(one)
    ),
    async run(bytes) {
      const stream = await told(bytes);
      const connection = { newStream: () => Promise.resolve(stream) } as unknown as Connection;
      const given = await askToken(connection, fingerprint);
      if (given !== undefined && !/^troop1-[0-9a-f]{64}$/.test(given)) {
        throw new FuzzFault("takes for a token what is none");
      }
      return given;
    },
  },
];

/** What no decoder may do: not an Error, so that it counts as a finding where errors are right. */
class FuzzFault {
  readonly words: string;

  constructor(words: string) {
    this.words = words;
  }

  toString(): string {
    return this.words;
  }
}
