/**
 * UDP ports on which the kernel takes wrapped packets, by generic netlink.
 */
import { KernelRequestError } from "./error.ts";
import {
  decodeFouPort,
  FOU_FAMILY_NAME,
  type FouPort,
  type FouPortKey,
  writeAddGuePort,
  writeDeleteFouPort,
  writeGetFouPorts,
} from "./fou_codec.ts";
import { resolveFamily } from "./generic_family.ts";
import type { Libraries } from "./libraries.ts";
import type { AttributeWriter } from "./netlink_attribute.ts";
import { netlinkProtocols, NetlinkSocket } from "./netlink_socket.ts";

/**
 * The verbs of FOU. All are synchronous and short; errors throw {@link KernelRequestError}. ENOENT: the module `fou`
 * is not loaded, and unlike others it has no alias by which the kernel would load it when it is asked for.
 */
export interface Fou {
  /** All ports of this network namespace. */
  ports(): FouPort[];
  /** Opens a port for GUE at every address. EADDRINUSE: it is open already, or a program has it. */
  addGue(port: FouPortKey): void;
  /** Closes a port that takes packets at every address. EINVAL: there is none. */
  delete(port: FouPortKey): void;
  close(): void;
}

/** Opens FOU. A kernel without it is noticed at the first verb, so that the module may be loaded later. */
export function openFou(libraries: Libraries): Fou {
  const socket = new NetlinkSocket(libraries, netlinkProtocols.generic);
  let known: number | undefined;

  function family(operation: string): number {
    known ??= resolveFamily(libraries, FOU_FAMILY_NAME);
    if (known !== undefined) return known;
    const detail = "kernel has no FOU: load it with `modprobe fou`";
    throw new KernelRequestError({ operation, code: "ENOENT", detail });
  }

  /** The family's number changes when the module is unloaded and loaded: it is asked for again after ENOENT. */
  function ask<Answer>(operation: string, request: (type: number) => Answer): Answer {
    try {
      return request(family(operation));
    } catch (error) {
      if (error instanceof KernelRequestError && error.code === "ENOENT") known = undefined;
      throw error;
    }
  }

  function change(operation: string, write: (writer: AttributeWriter) => void): void {
    ask(operation, (type) => socket.query({ type, flags: 0, write }, operation));
  }

  return {
    ports() {
      const operation = "list FOU ports";
      return ask(operation, (type) =>
        socket.dumpAll(
          { type, flags: 0, write: writeGetFouPorts },
          { operation, decode: decodeFouPort },
        ));
    },
    addGue: (port) =>
      change(`open GUE port ${port.port} (IPv${port.version})`, (w) => writeAddGuePort(w, port)),
    delete: (port) =>
      change(
        `close FOU port ${port.port} (IPv${port.version})`,
        (w) => writeDeleteFouPort(w, port),
      ),
    close: () => socket.close(),
  };
}
