/**
 * The gRPC probe: grpc.health.v1.Health/Check (grpc/grpc, doc/health-checking.md). SERVING is well.
 *
 * The two messages have one field each, so their protobuf is written out here instead of by a library.
 */
import * as http2 from "node:http2";
import { TLSSocket } from "node:tls";
import { formatEndpoint } from "../../core/address.ts";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type Attempt, ProbeFailure, quote, runAttempt } from "./attempt.ts";
import { failTalk, openConnection, type TalkContext } from "./connection.ts";
import { USER_AGENT } from "./http_request.ts";
import { guardStrayStreams } from "./http2_guard.ts";
import { endedWell, http2Problem, openSession } from "./http2.ts";

/** Most bytes of an answer: a right one has seven. */
const ANSWER_BYTES_MAX = 4_096;
/** Compressed-flag and length of a message (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
const PREFIX_BYTES = 5;
/** HealthCheckResponse.ServingStatus. */
const SERVING = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
/** Status codes that mean more than themselves here (grpc/grpc, doc/statuscodes.md). */
const STATUS_WORDS: Readonly<Record<string, string>> = {
  "5": "server does not know this service (NOT_FOUND)",
  "12": "server has no health service (UNIMPLEMENTED)",
  "14": "server is not available (UNAVAILABLE)",
  "16": "server wants a login (UNAUTHENTICATED)",
};

type Target = ProbeTarget<CheckOf<"grpc">>;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeGrpc(target: Target, context: TalkContext): Promise<ProbeResult | null> {
  return runAttempt(target.check.timeoutMs, context, (attempt) => {
    const ending = new AbortController();
    ask(target, context, { attempt, signal: ending.signal })
      .then((words) => attempt.pass(words))
      .catch((error: Error) => {
        const problem = http2Problem(error);
        if (problem === undefined) failTalk(attempt, error, target);
        else attempt.fail(problem);
      });
    return () => ending.abort();
  });
}

async function ask(
  target: Target,
  context: TalkContext,
  { attempt, signal }: { readonly attempt: Attempt; readonly signal: AbortSignal },
): Promise<string> {
  const { address, port, check } = target;
  const protocols = ["h2"];
  const { socket } = await openConnection(target, context, { attempt, signal, protocols });
  attempt.phase = "while waiting for the answer";
  const authority = check.serverName === null
    ? formatEndpoint({ address, port })
    : `${check.serverName}:${port}`;
  const { session, broken } = openSession(socket, { authority, signal });
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    ":scheme": socket instanceof TLSSocket ? "https" : "http",
    "content-type": "application/grpc",
    "user-agent": USER_AGENT,
    te: "trailers",
  });
  guardStrayStreams(stream);
  stream.end(request(check.service));
  const { status, bytes } = await Promise.race([answerOf(stream, attempt), broken]);
  if (status !== "0") {
    throw new ProbeFailure(STATUS_WORDS[status] ?? `gRPC status ${quote(status)}, want 0`);
  }
  const serving = servingStatus(bytes);
  if (serving !== "SERVING") throw new ProbeFailure(`${serving}, want SERVING`);
  return serving;
}

interface Answer {
  /** grpc-status. */
  readonly status: string;
  readonly bytes: Buffer;
}

function answerOf(stream: http2.ClientHttp2Stream, attempt: Attempt): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const fail = (reason: string): void => reject(new ProbeFailure(reason));
  const chunks: Buffer[] = [];
  let length = 0;
  let status: string | undefined;
  const look = (headers: http2.IncomingHttpHeaders): void => {
    const given = headers["grpc-status"];
    if (given !== undefined) status = String(given);
  };
  stream.on("response", (headers) => {
    const code = headers[":status"];
    const type = headers["content-type"] ?? "";
    if (code !== 200) return fail(`not a gRPC server: status ${code}`);
    if (!type.startsWith("application/grpc")) {
      return fail(`not a gRPC server: content type "${quote(type)}"`);
    }
    look(headers);
  });
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) return fail(`answer longer than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  });
  stream.on("trailers", look);
  stream.on("end", () => {
    if (!endedWell(stream)) return fail(`connection closed ${attempt.phase}`);
    if (status === undefined) return fail("not a gRPC server: no grpc-status");
    resolve({ status, bytes: Buffer.concat(chunks) });
  });
  stream.on("error", reject);
  stream.on("close", () => fail(`connection closed ${attempt.phase}`));
  return promise;
}

/** HealthCheckRequest: `string service = 1`. */
function request(service: string): Buffer {
  const name = Buffer.from(service, "utf8");
  const field = name.length === 0 ? [] : [Buffer.of(0x0a), varint(name.length), name];
  const message = Buffer.concat(field);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A number in groups of seven bits, the lowest first (protobuf.dev, "Encoding"). */
function varint(value: number): Buffer {
  const groups: number[] = [];
  for (; value > 0x7f; value >>= 7) groups.push((value & 0x7f) | 0x80);
  return Buffer.of(...groups, value);
}

/** HealthCheckResponse: `ServingStatus status = 1`, absent for 0. */
function servingStatus(answer: Buffer): string {
  const length = answer.length < PREFIX_BYTES ? -1 : answer.readUInt32BE(1);
  const message = answer.subarray(PREFIX_BYTES);
  const known = message.length === 0 ? 0 : message[0] === 0x08 ? message[1] : undefined;
  const right = answer[0] === 0 && length === message.length && message.length !== 1;
  const words = right && known !== undefined ? SERVING[known] : undefined;
  if (words === undefined) throw new ProbeFailure("answer is no HealthCheckResponse");
  return words;
}
