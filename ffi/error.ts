/**
 * The one error of this folder: which request failed, and the errno the kernel gave.
 */
import { constants } from "node:os";

/** Second names of EAGAIN and EOPNOTSUPP on Linux. */
const SECOND_NAMES = new Set(["EWOULDBLOCK", "ENOTSUP"]);

const nameByNumber = new Map(
  Object.entries(constants.errno).filter(([name]) => !SECOND_NAMES.has(name))
    .map(([name, number]) => [number, name]),
);

/** The name of an error number (errno(3)); `errno 524` when it has none in user space. */
export function errnoName(number: number): string {
  return nameByNumber.get(number) ?? `errno ${number}`;
}

/** A failed kernel request. */
export class KernelRequestError extends Error {
  /** The request in words: `add address 192.0.2.1/32 to eth0`. */
  readonly operation: string;
  /** errno by name: `EPERM`. */
  readonly code: string;
  /** The usual cause, or the kernel's own words; empty for none. */
  readonly detail: string;

  constructor(
    request: { readonly operation: string; readonly code: string; readonly detail?: string },
    options?: ErrorOptions,
  ) {
    const detail = request.detail ?? hintFor(request.code);
    super(`${request.operation}: ${request.code}${detail === "" ? "" : ` (${detail})`}`, options);
    this.name = "KernelRequestError";
    this.operation = request.operation;
    this.code = request.code;
    this.detail = detail;
  }
}

/** What usually stands behind an error, so that nobody has to look it up; empty when there is no usual cause. */
function hintFor(code: string): string {
  switch (code) {
    case "EPERM":
    case "EACCES":
      return "needs CAP_NET_ADMIN and CAP_NET_RAW";
    case "ENODEV":
    case "ENXIO":
      return "no such interface";
    case "ENETDOWN":
      return "the interface is down";
    case "ETIMEDOUT":
      return "the kernel did not answer in time";
    case "ENOBUFS":
      return "the kernel dropped answers for lack of buffer space";
    default:
      return "";
  }
}
