/**
 * Generic netlink families by name. Their numbers are given out when a module is loaded.
 */
import { cString, type Handle, readErrno } from "./bun_ffi.ts";
import { errnoName, KernelRequestError } from "./error.ts";
import type { Libraries } from "./libraries.ts";

/** NLE_OBJ_NOTFOUND of libnl (netlink/errno.h), negated. */
const NOT_FOUND = -12;

/**
 * The number of a family, or undefined when the kernel has none of this name; it loads the module first if it
 * may. Uses a socket of its own: libnl's check of sequence numbers would stumble over answers that another
 * socket's user has given up waiting for.
 */
export function resolveFamily(libraries: Libraries, name: string): number | undefined {
  const { nl, genl, libc } = libraries;
  const operation = `find generic netlink family ${name}`;
  const socket: Handle | null = nl.nl_socket_alloc();
  if (socket === null) throw new KernelRequestError({ operation, code: "ENOMEM" });
  try {
    if (genl.genl_connect(socket) < 0) {
      throw new KernelRequestError({ operation, code: errnoName(readErrno(libc)) });
    }
    const family = genl.genl_ctrl_resolve(socket, cString(name));
    if (family >= 0) return family;
    if (family === NOT_FOUND) return undefined;
    throw new KernelRequestError({ operation, code: "EIO", detail: `libnl error ${-family}` });
  } finally {
    nl.nl_socket_free(socket);
  }
}
