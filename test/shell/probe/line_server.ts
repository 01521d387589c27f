/**
 * Scripted servers of line protocols: a greeting, and an answer to every command.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Pair } from "../../support/certificates.ts";
import type { Script } from "./scripted_server.ts";

/** What a server says; `command` is undefined for its greeting, and what is undefined is silence. */
export type Speaker = (command: string | undefined) => string | undefined;

/** Speaks line by line. With `starttls`, TLS begins after the answer to the command that matches. */
export function speak(
  speaker: Speaker,
  starttls?: { readonly pair: Pair; readonly command: RegExp },
): Script {
  const listen = (socket: Socket): void => {
    let unread = "";
    socket.on("error", () => {});
    const onData = (chunk: Buffer): void => {
      unread += chunk.toString();
      for (let end = unread.indexOf("\r\n"); end >= 0; end = unread.indexOf("\r\n")) {
        const command = unread.slice(0, end);
        unread = unread.slice(end + 2);
        const answer = speaker(command) ?? "";
        if (!starttls?.command.test(command)) {
          socket.write(answer);
          continue;
        }
        socket.removeListener("data", onData);
        socket.write(answer, () => {
          listen(new TLSSocket(socket, { isServer: true, ...starttls.pair }));
        });
      }
    };
    socket.on("data", onData);
  };
  return (socket) => {
    socket.write(speaker(undefined) ?? "");
    listen(socket);
  };
}
