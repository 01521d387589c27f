/**
 * A port nobody has, so that two runs of the tests on one machine do not meet.
 */
import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that was free a moment ago, and most likely still is, for TCP and UDP alike. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    server.close(() => resolve(port));
  });
  return promise;
}
