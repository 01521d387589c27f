/**
 * Closing a probe's connection so that daemons that greet their clients do not log a reset for every check.
 */
import type { Socket } from "node:net";

/** How long a server may take to close its side after we closed ours, ms: it bounds descriptors, not verdicts. */
const CLOSE_MS_MAX = 500;

/** Closing with unread data resets the connection (RFC 9293, 3.10.4): send FIN, read to the peer's FIN, then close. */
export function closeInOrder(socket: Socket, signal: AbortSignal): void {
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
