/**
 * Everything that touches `bun:ffi`: symbol tables with their C declarations, memory and errno.
 *
 * A library is opened by an explicit call, never by importing this file. Nothing here decides anything;
 * the callers know what a return value means. Byte order is the machine's, little-endian on every
 * platform Bun runs on.
 */
import { dlopen, type Pointer, ptr, read } from "bun:ffi";

/** A C pointer that only C looks behind. */
export type Handle = Pointer | bigint;

const libnlSymbols = {
  // struct nl_sock *nl_socket_alloc(void);
  nl_socket_alloc: { args: [], returns: "ptr" },
  // void nl_socket_free(struct nl_sock *sk);
  nl_socket_free: { args: ["ptr"], returns: "void" },
  // int nl_connect(struct nl_sock *sk, int protocol);
  nl_connect: { args: ["ptr", "i32"], returns: "i32" },
  // int nl_socket_get_fd(const struct nl_sock *sk);
  nl_socket_get_fd: { args: ["ptr"], returns: "i32" },
  // int nl_socket_set_buffer_size(struct nl_sock *sk, int rxbuf, int txbuf);
  nl_socket_set_buffer_size: { args: ["ptr", "i32", "i32"], returns: "i32" },
  // int nl_socket_set_msg_buf_size(struct nl_sock *sk, size_t bufsize);
  nl_socket_set_msg_buf_size: { args: ["ptr", "u64"], returns: "i32" },
  // void nl_socket_disable_msg_peek(struct nl_sock *sk);
  nl_socket_disable_msg_peek: { args: ["ptr"], returns: "void" },
  // int nl_sendto(struct nl_sock *sk, void *buf, size_t size);
  nl_sendto: { args: ["ptr", "ptr", "u64"], returns: "i32" },
  // int nl_recv(struct nl_sock *sk, struct sockaddr_nl *nla, unsigned char **buf, struct ucred **creds);
  nl_recv: { args: ["ptr", "ptr", "ptr", "ptr"], returns: "i32" },
} as const;

const genlSymbols = {
  // int genl_connect(struct nl_sock *sk);
  genl_connect: { args: ["ptr"], returns: "i32" },
  // int genl_ctrl_resolve(struct nl_sock *sk, const char *name);
  genl_ctrl_resolve: { args: ["ptr", "ptr"], returns: "i32" },
} as const;

const libcSymbols = {
  // int *__errno_location(void);
  __errno_location: { args: [], returns: "ptr" },
  // void *memcpy(void *dest, const void *src, size_t n);
  memcpy: { args: ["ptr", "ptr", "u64"], returns: "void" },
  // void free(void *ptr);
  free: { args: ["ptr"], returns: "void" },
  // int socket(int domain, int type, int protocol);
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  // int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  // int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  // int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen);
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  // ssize_t sendto(int sockfd, const void *buf, size_t len, int flags, const struct sockaddr *dest_addr, socklen_t addrlen);
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
  // ssize_t recv(int sockfd, void *buf, size_t len, int flags);
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  // ssize_t recvfrom(int sockfd, void *buf, size_t len, int flags, struct sockaddr *src_addr, socklen_t *addrlen);
  recvfrom: { args: ["i32", "ptr", "u64", "i32", "ptr", "ptr"], returns: "i64" },
  // int ioctl(int fd, unsigned long op, ...); here with one pointer, which is passed like any other argument.
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  // int prctl(int op, ...); here with four numbers, which are passed like any other arguments.
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  // int close(int fd);
  close: { args: ["i32"], returns: "i32" },
} as const;

/** The functions of libnl-3: sockets of every netlink protocol. */
export type Libnl = ReturnType<typeof openLibnl>;
/** The functions of libnl-genl-3: generic netlink families by name. */
export type LibnlGenl = ReturnType<typeof openLibnlGenl>;
/** The functions of the C library. */
export type Libc = ReturnType<typeof openLibc>;

/** Opens `libnl-3.so.200` at an absolute path; throws what the dynamic linker says. */
export function openLibnl(path: string) {
  return dlopen(path, libnlSymbols).symbols;
}

/** Opens `libnl-genl-3.so.200`, whose need for libnl-3 is met by the one opened before it. */
export function openLibnlGenl(path: string) {
  return dlopen(path, genlSymbols).symbols;
}

/** Opens the C library this process already runs on. */
export function openLibc() {
  return dlopen("libc.so.6", libcSymbols).symbols;
}

/** The error number of the call made just before on this thread (errno(3)). */
export function readErrno(libc: Libc): number {
  const location = libc.__errno_location();
  if (location === null) throw new Error("read errno: __errno_location() returned no address");
  return read.i32(location);
}

/** Moves `length` bytes from the address in `slot` to `target` and frees their memory: an out-pointer the callee allocated. */
export function moveAllocated(
  libc: Libc,
  slot: BigUint64Array,
  { target, length }: { readonly target: Uint8Array; readonly length: number },
): void {
  // User space addresses have at most 47 bits (arm64: 52), so a number holds them exactly.
  const address = Number(slot[0]) as Pointer;
  libc.memcpy(target, address, length);
  libc.free(address);
}

/** The address of `bytes`, for a C structure that points to them. The caller keeps `bytes` alive until the call returns. */
export function addressOf(bytes: Uint8Array): bigint {
  return BigInt(ptr(bytes));
}

/** The text as C reads it: UTF-8 and a closing zero. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
