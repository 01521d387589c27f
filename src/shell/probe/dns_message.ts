/**
 * What a DNS probe asks (RFC 1035, 4) and what it makes of the answer. The wire format is npm dns-packet's.
 */
import { type Answer, decode, type DecodedPacket, encode, RECURSION_DESIRED } from "dns-packet";
import type { CheckOf } from "../../core/check.ts";
import type { Pattern } from "../../core/regex.ts";
import { quote } from "./attempt.ts";

/** Longest message that is decoded, bytes: answers to a health check have some hundred. */
export const MESSAGE_BYTES_MAX = 4_096;
/**
 * Most records that are decoded. By compression each can name 127 labels several times, and a hostile message
 * of 4,096 bytes with 273 of them held the event loop for 40 ms. The root's name servers with addresses are 40.
 */
const RECORDS_MAX = 64;
const HEADER_BYTES = 12;
/** What the server may put into a datagram: what passes every path unfragmented (RFC 6891, DNS flag day 2020). */
const UDP_PAYLOAD_BYTES = 1_232;
/** Answers repeated in a reason. */
const QUOTED_ANSWERS_MAX = 3;

/** The question of a check under an id of its own. */
export interface DnsQuestion extends Pick<CheckOf<"dns">, "name" | "type"> {
  /** 16 random bits: who cannot read the question cannot guess it. */
  readonly id: number;
}

/** What an answer means: the server is well or not, or this is not the answer to the question. */
export interface DnsVerdict {
  readonly outcome: "pass" | "fail" | "stray";
  readonly words: string;
}

/** The types leave out what the decoder also gives. */
type Message = DecodedPacket & { readonly rcode: string; readonly opcode: string };

/** The message that asks. Throws when the name is none. */
export function encodeQuestion({ id, name, type }: DnsQuestion): Buffer {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name, class: "IN" }],
    additionals: [{
      type: "OPT",
      name: ".",
      udpPayloadSize: UDP_PAYLOAD_BYTES,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    }],
  });
}

/** Judges an answer: id, question and rcode must be right, and a record of the type asked for must match. Never throws. */
export function judgeAnswer(
  bytes: Buffer,
  question: DnsQuestion,
  pattern: Pattern | null,
): DnsVerdict {
  if (bytes.length > MESSAGE_BYTES_MAX) {
    return fail(`answer longer than ${MESSAGE_BYTES_MAX} bytes`);
  }
  const records = recordCount(bytes);
  if (records > RECORDS_MAX) return fail(`answer of more than ${RECORDS_MAX} records`);
  let message: Message;
  try {
    message = decode(bytes) as Message;
    // The library reads numbers beyond the end as missing, without a word.
    if (decode.bytes > bytes.length) throw new RangeError("it ends within a record");
  } catch (error) {
    return fail(`not a DNS message: ${quote((error as Error).message)}`);
  }
  const stray = strangeness(message, question);
  if (stray !== null) return { outcome: "stray", words: stray };
  if (message.rcode !== "NOERROR") return fail(`answered ${message.rcode}`);
  return judgeRecords(message, question, pattern);
}

function judgeRecords(
  { answers, flag_tc: truncated }: Message,
  { type, name }: DnsQuestion,
  pattern: Pattern | null,
): DnsVerdict {
  const texts = (answers ?? []).filter((answer) => answer.type === type).map(answerText);
  const found = texts.find((text) => pattern === null || pattern.found(text));
  if (found !== undefined) return { outcome: "pass", words: `${type} ${quote(found)}` };
  const hint = truncated ? " (the answer was cut short: ask by TCP)" : "";
  if (texts.length === 0) return fail(`no ${type} record of ${quote(name)}${hint}`);
  const seen = quote(texts.slice(0, QUOTED_ANSWERS_MAX).join(", "));
  return fail(`no answer matches /${quote(pattern!.source)}/: ${seen}${hint}`);
}

/** Why a message is not the answer to the question; null when it is. */
function strangeness(message: Message, { id, name, type }: DnsQuestion): string | null {
  if (message.id !== id) return "an answer with another id came";
  if (!message.flag_qr || message.opcode !== "QUERY") return "something that is no answer came";
  const [asked, ...more] = message.questions ?? [];
  // Who refuses a question need not repeat it.
  if (asked === undefined && message.rcode !== "NOERROR") return null;
  const same = asked !== undefined && more.length === 0 && asked.type === type &&
    (asked.class ?? "IN") === "IN" && plain(asked.name) === plain(name);
  return same ? null : "an answer to another question came";
}

/** Questions and records a header announces (RFC 1035, 4.1.1); 0 when there is no header. */
function recordCount(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) return 0;
  return [4, 6, 8, 10].reduce((sum, at) => sum + bytes.readUInt16BE(at), 0);
}

function fail(words: string): DnsVerdict {
  return { outcome: "fail", words };
}

/** Names differ neither by case nor by the dot at the end (RFC 4343). */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function absolute(name: string): string {
  return name.endsWith(".") ? name : `${name}.`;
}

/** A record's data as `dig +short` prints it, but the strings of TXT joined and without quotation marks. */
export function answerText(answer: Answer): string {
  switch (answer.type) {
    case "A":
    case "AAAA":
      return answer.data;
    case "CNAME":
    case "NS":
    case "PTR":
      return absolute(answer.data);
    case "MX":
      return `${answer.data.preference} ${absolute(answer.data.exchange)}`;
    case "SRV": {
      const { priority, weight, port, target } = answer.data;
      return `${priority} ${weight} ${port} ${absolute(target)}`;
    }
    case "SOA": {
      const { mname, rname, serial, refresh, retry, expire, minimum } = answer.data;
      const times = [serial, refresh, retry, expire, minimum].join(" ");
      return `${absolute(mname)} ${absolute(rname)} ${times}`;
    }
    case "TXT":
      return [answer.data].flat().map((part) => part.toString()).join("");
    default:
      return answer.type;
  }
}
