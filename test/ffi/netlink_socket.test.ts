/** Batches and dumps, with a scripted kernel for what a real one does once in a year, and the real one for reading. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Libraries, openLibraries } from "../../ffi/libraries.ts";
import type { AttributeWriter } from "../../ffi/netlink_attribute.ts";
import {
  beginMessage,
  endMessage,
  type IncomingMessage,
  messageFlags,
} from "../../ffi/netlink_message.ts";
import { BATCH_MESSAGES_MAX, netlinkProtocols, NetlinkSocket } from "../../ffi/netlink_socket.ts";
import { openRoute, type Route } from "../../ffi/route.ts";
import { written } from "./hex.ts";
import { createScript, type Script } from "./scripted_libraries.ts";

const ERROR = 2;
const DONE = 3;
const ROW = 20;
const ENOBUFS = 105;

/** One message as the kernel would send it; the payload is one number. */
function message(type: number, sequence: number, value: number, flags = 0): Uint8Array {
  return written((writer) => {
    const start = beginMessage(writer, { type, flags }, sequence);
    endMessage(writer.word(value), start);
  });
}

/** An NLMSG_ERROR; errno 0 acknowledges. */
function acknowledgement(sequence: number, errno: number): Uint8Array {
  return written((writer) => {
    const start = beginMessage(writer, { type: ERROR, flags: messageFlags.capped }, sequence);
    endMessage(writer.word(-errno).structure(new Uint8Array(16)), start);
  });
}

function join2(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Behaves like netlink_rcv_skb: an error for each item above 0, an acknowledgement where one is asked for. */
function likeKernel(sent: readonly IncomingMessage[]) {
  return sent.flatMap(({ flags, sequence, payload }) => {
    const errno = payload[0]!;
    const asked = (flags & messageFlags.acknowledge) !== 0;
    return errno === 0 && !asked ? [] : [{ datagram: acknowledgement(sequence, errno) }];
  });
}

const kind = { type: ROW, flags: 0 };
const writeNumber = (value: number, writer: AttributeWriter) => void writer.word(value);

function open(script: Script): NetlinkSocket {
  return new NetlinkSocket(script.libraries, netlinkProtocols.generic);
}

describe("request", () => {
  test("asks for one acknowledgement per send, and finds every error at its place", () => {
    const script = createScript();
    script.answerWith = likeKernel;
    const errors = Array.from({ length: 150 }, (_, index) => index % 7 === 0 ? 17 : 0);
    const outcomes = open(script).request(errors, kind, writeNumber);
    expect(outcomes.map(({ errno }) => errno)).toEqual(errors);
    expect(script.sent.map((batch) => batch.length)).toEqual([64, 64, 22]);
    for (const batch of script.sent) {
      const asked = batch.map(({ flags }) => (flags & messageFlags.acknowledge) !== 0);
      expect(asked.indexOf(true)).toBe(batch.length - 1);
    }
  });

  test("numbers its messages one after the other, so that answers find their request", () => {
    const script = createScript();
    script.answerWith = likeKernel;
    using socket = open(script);
    const first = () => script.sent.at(-1)![0]!.sequence;
    socket.request([0], kind, writeNumber);
    const before = first();
    socket.request([0, 0, 3], kind, writeNumber);
    expect(first()).toBe(before + 1);
  });

  test("ignores answers to a batch that was given up, and what other processes send", () => {
    const script = createScript();
    script.answerWith = (sent) => [
      { datagram: acknowledgement(sent[0]!.sequence - 1, 1) },
      { datagram: acknowledgement(sent[0]!.sequence, 1), fromPort: 4_711 },
      ...likeKernel(sent),
    ];
    using socket = open(script);
    socket.request([0], kind, writeNumber);
    const outcomes = socket.request([0, 0], kind, writeNumber);
    expect(outcomes.map(({ errno }) => errno)).toEqual([0, 0]);
  });

  test("calls unknown what may have failed when the kernel dropped an answer, and works on", () => {
    const script = createScript();
    script.answerWith = (sent) => [{ errno: ENOBUFS }, ...likeKernel(sent)];
    using socket = open(script);
    const lossy = socket.request([0, 17, 0], kind, writeNumber);
    // The last one was acknowledged, the second refused; of the first nobody knows.
    expect(lossy.map(({ errno }) => errno)).toEqual([ENOBUFS, 17, 0]);
    script.answerWith = likeKernel;
    expect(socket.request([0, 0], kind, writeNumber).map(({ errno }) => errno)).toEqual([0, 0]);
  });

  test("throws ETIMEDOUT when the kernel is silent, instead of waiting for ever", () => {
    using socket = open(createScript());
    expect(() => socket.request([0], kind, writeNumber)).toThrow("ETIMEDOUT");
  });

  test("throws EBADMSG when an answer is no message", () => {
    const script = createScript();
    script.answerWith = () => [{ datagram: new Uint8Array(16) }];
    using socket = open(script);
    expect(() => socket.request([0], kind, writeNumber)).toThrow("EBADMSG");
  });

  test("cuts a batch by size too", () => {
    const script = createScript();
    script.answerWith = likeKernel;
    const items = Array.from({ length: 20 }, () => 0);
    open(script).request(items, kind, (_, writer) => void writer.structure(new Uint8Array(8_000)));
    expect(script.sent.map((batch) => batch.length)).toEqual([5, 5, 5, 5]);
    expect(BATCH_MESSAGES_MAX).toBeGreaterThan(5);
  });
});

describe("query", () => {
  test("gives answers that outlast the next datagram", () => {
    const script = createScript();
    script.answerWith = ([asked]) => [
      { datagram: message(ROW, asked!.sequence, 7) },
      { datagram: acknowledgement(asked!.sequence, 0) },
    ];
    using socket = open(script);
    const answers = socket.query({ ...kind, write: () => undefined }, "ask");
    expect(answers.map(({ payload }) => payload[0])).toEqual([7]);
  });

  test("throws the kernel's errno with the operation", () => {
    const script = createScript();
    script.answerWith = ([asked]) => [{ datagram: acknowledgement(asked!.sequence, 19) }];
    using socket = open(script);
    expect(() => socket.query({ ...kind, write: () => undefined }, "find eth9")).toThrow(
      "find eth9: ENODEV",
    );
  });
});

describe("dump", () => {
  const ask = { ...kind, write: () => undefined };
  const options = { operation: "list", decode: (payload: Uint8Array) => payload[0] };

  test("gives the rows of each datagram, to the end", () => {
    const script = createScript();
    script.answerWith = ([asked]) => {
      const { sequence } = asked!;
      return [
        { datagram: join2(message(ROW, sequence, 1), message(ROW, sequence, 2)) },
        { datagram: join2(message(ROW, sequence, 3), message(DONE, sequence, 0)) },
      ];
    };
    using socket = open(script);
    expect([...socket.dump(ask, options)]).toEqual([[1, 2], [3]]);
  });

  test("given up, reads the rest, so that the next call meets its own answers", () => {
    const script = createScript();
    script.answerWith = ([asked]) => {
      const { sequence } = asked!;
      return [
        { datagram: message(ROW, sequence, 1) },
        { datagram: message(ROW, sequence, 2) },
        { datagram: message(DONE, sequence, 0) },
      ];
    };
    using socket = open(script);
    for (const rows of socket.dump(ask, options)) {
      expect(rows).toEqual([1]);
      break;
    }
    expect([...socket.dump(ask, options)]).toEqual([[1], [2]]);
  });

  test("throws when the kernel ends it with an error", () => {
    const script = createScript();
    script.answerWith = ([asked]) => [{ datagram: message(DONE, asked!.sequence, -105) }];
    using socket = open(script);
    expect(() => [...socket.dump(ask, options)]).toThrow("list: ENOBUFS");
  });

  test("throws when the kernel refuses it", () => {
    const script = createScript();
    script.answerWith = ([asked]) => [{ datagram: acknowledgement(asked!.sequence, 2) }];
    using socket = open(script);
    expect(() => [...socket.dump(ask, options)]).toThrow("list: ENOENT");
  });

  test("is asked for again when the table changed meanwhile, a bounded number of times", () => {
    const script = createScript();
    const { dumpInterrupted } = messageFlags;
    script.answerWith = ([asked]) => {
      const { sequence } = asked!;
      const flags = script.sent.length < 2 ? dumpInterrupted : 0;
      const row = message(ROW, sequence, script.sent.length, flags);
      return [{ datagram: join2(row, message(DONE, sequence, 0)) }];
    };
    using socket = open(script);
    expect(socket.dumpAll(ask, options)).toEqual([2]);
    script.answerWith = ([asked]) => [{
      datagram: join2(
        message(ROW, asked!.sequence, 9, dumpInterrupted),
        message(DONE, asked!.sequence, 0),
      ),
    }];
    const before = script.sent.length;
    expect(socket.dumpAll(ask, options)).toEqual([9]);
    expect(script.sent.length - before).toBe(3);
  });
});

describe("against the real kernel", () => {
  let libraries: Libraries;
  let route: Route;
  beforeAll(async () => {
    libraries = await openLibraries({ privateFolder: join(tmpdir(), `troop-ffi-${process.pid}`) });
    route = openRoute(libraries);
  });
  afterAll(() => route.close());

  test("the loopback interface is found by name and among all links", () => {
    expect(route.link("lo")).toMatchObject({ name: "lo", index: 1, noNeighbours: true });
    expect(route.links().find(({ name }) => name === "lo")).toEqual(route.link("lo")!);
  });

  test("an interface that is not there is undefined, and the socket works on", () => {
    expect(route.link("nosuch0")).toBeUndefined();
    expect(route.link("lo")?.index).toBe(1);
  });

  test("a protocol the kernel does not have is refused by name of the errno", () => {
    expect(() => new NetlinkSocket(libraries, 31)).toThrow("EPROTONOSUPPORT");
  });
});
