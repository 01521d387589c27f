/**
 * The TCP probe: a server is well when it accepts a connection. The connection is then closed in order, so
 * that daemons that greet their clients do not log a reset for every check.
 */
import { connect, type Socket } from "node:net";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { failConnection, type ProbeContext, runAttempt } from "./attempt.ts";

/** How long a server may take to close its side after we closed ours, ms: it bounds descriptors, not verdicts. */
const CLOSE_MS_MAX = 500;

/** Connects once. Resolves as {@link runAttempt} does; the result does not wait for the orderly close. */
export function probeTcp(
  target: ProbeTarget,
  context: ProbeContext,
): Promise<ProbeResult | null> {
  return runAttempt(target.check.timeoutMs, context, (attempt) => {
    let established = false;
    const socket = connect({ host: target.address, port: target.port });
    socket.on("error", (error) => failConnection(attempt, error));
    socket.on("connect", () => {
      established = true;
      attempt.pass("connected");
      closeInOrder(socket, context.signal);
    });
    return () => {
      if (!established) socket.destroy();
    };
  });
}

/** Closing with unread data resets the connection (RFC 9293, 3.10.4): send FIN, read to the peer's FIN, then close. */
function closeInOrder(socket: Socket, signal: AbortSignal): void {
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(destroy, CLOSE_MS_MAX);
  signal.addEventListener("abort", destroy);
  socket.on("close", () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", destroy);
  });
  socket.resume();
  socket.end();
}
