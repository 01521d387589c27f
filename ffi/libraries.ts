/**
 * Opening the C libraries: the system's libnl when the machine has it, else the copy inside this program.
 */
import {
  type Libc,
  type Libnl,
  type LibnlGenl,
  openLibc,
  openLibnl,
  openLibnlGenl,
} from "./bun_ffi.ts";
import { netlinkLibraries, systemFile, unpackEmbedded } from "./embedded.ts";

/** The C libraries, open. They stay open as long as the process lives. */
export interface Libraries {
  readonly libc: Libc;
  readonly nl: Libnl;
  readonly genl: LibnlGenl;
  /** Where libnl came from. */
  readonly origin: "system" | "embedded";
}

/** libnl could not be opened; the message names the library and the packages to install. */
export class LibraryError extends Error {
  /** What is wrong, without the advice. */
  readonly problem: string;

  constructor(problem: string, options?: ErrorOptions) {
    const packages = netlinkLibraries.map((library) => library.package).join(" ");
    super(`${problem}; install it with "apt-get install ${packages}"`, options);
    this.name = "LibraryError";
    this.problem = problem;
  }
}

/** See {@link openLibraries}. */
export interface OpenLibrariesOptions {
  /** Folder of this user, mode 0700, for the embedded copy; created when needed. Its file system must allow execution. */
  readonly privateFolder: string;
  /** Where the system has a library, for tests of a machine without. */
  readonly findSystemFile?: (soname: string) => string | undefined;
}

/** Opens libc, libnl-3 and libnl-genl-3. Throws {@link LibraryError} when the machine and this program lack one. */
export async function openLibraries(options: OpenLibrariesOptions): Promise<Libraries> {
  const libc = openLibc();
  const find = options.findSystemFile ?? ((soname) => systemFile(soname));
  // Both from one place: libnl-genl uses functions inside libnl that change between versions.
  const system = netlinkLibraries.map(({ soname }) => find(soname));
  let cause: unknown;
  if (isComplete(system)) {
    try {
      return { libc, ...openPair(system), origin: "system" };
    } catch (error) {
      cause = error;
    }
  }
  const unpacked: (string | undefined)[] = [];
  for (const { soname } of netlinkLibraries) {
    unpacked.push(await unpackEmbedded(soname, options.privateFolder));
  }
  if (!isComplete(unpacked)) throw missing(system, cause);
  try {
    return { libc, ...openPair(unpacked), origin: "embedded" };
  } catch (error) {
    throw new LibraryError(`open ${unpacked.join(" and ")}: ${String(error)}`, { cause: error });
  }
}

function isComplete(paths: readonly (string | undefined)[]): paths is string[] {
  return paths.every((path) => path !== undefined);
}

function openPair(paths: readonly string[]): Pick<Libraries, "nl" | "genl"> {
  // The dynamic linker finds libnl-genl's need for libnl-3 among what is already open, by soname.
  return { nl: openLibnl(paths[0]!), genl: openLibnlGenl(paths[1]!) };
}

function missing(system: readonly (string | undefined)[], cause: unknown): LibraryError {
  const names = netlinkLibraries.filter((_, index) => system[index] === undefined)
    .map((library) => library.soname);
  if (names.length === 0) return new LibraryError(`open ${system.join(" and ")}: ${String(cause)}`);
  return new LibraryError(`open ${names.join(" and ")}: not on this machine`, { cause });
}
