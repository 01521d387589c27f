/**
 * Where the two netlink libraries come from: the system's own files are preferred, and the compiled
 * program brings a copy for hosts that lack them.
 *
 * The build hands the paths of {@link librariesToEmbed} to `bun build --compile` as further entry points.
 * Left alone, Bun would unpack them into the shared temp folder when they are opened; instead they are
 * unpacked here into a folder only this user can read, because who can write there can run code here.
 */
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A shared library by the name the dynamic linker knows, and the Debian package that has it. */
export interface LibraryName {
  readonly soname: string;
  readonly package: string;
}

/** In the order they must be opened: the second needs the first. */
export const netlinkLibraries = [
  { soname: "libnl-3.so.200", package: "libnl-3-200" },
  { soname: "libnl-genl-3.so.200", package: "libnl-genl-3-200" },
] as const satisfies readonly LibraryName[];

/** Multiarch folder names by `process.arch`, as Debian spells them. */
const multiarch: Partial<Record<string, string>> = {
  x64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};

/**
 * Where a system keeps a library: absolute paths, most specific first. A bare name is never handed to
 * Bun, which would look in the working folder as well.
 */
export function systemPaths(soname: string, arch: string = process.arch): string[] {
  const triplet = multiarch[arch];
  const folders = triplet === undefined ? [] : [`/usr/lib/${triplet}`, `/lib/${triplet}`];
  return [...folders, "/usr/lib64", "/lib64", "/usr/lib", "/lib"].map((folder) =>
    join(folder, soname)
  );
}

/** The system's file of a library, or undefined. */
export function systemFile(
  soname: string,
  arch: string = process.arch,
): string | undefined {
  return systemPaths(soname, arch).find((path) => existsSync(path));
}

/** The files a build has to embed for `arch`; throws with the packages to install when one is not there. */
export function librariesToEmbed(arch: string = process.arch): string[] {
  return netlinkLibraries.map(({ soname, package: name }) => {
    const path = systemFile(soname, arch);
    if (path !== undefined) return path;
    throw new Error(
      `embed ${soname} for ${arch}: not found; install it with "apt-get install ${name}"`,
    );
  });
}

/**
 * Unpacks an embedded library into `folder`, which is created with mode 0700 if need be, and returns its
 * path; undefined when this program has no such file inside. Throws when the folder belongs to somebody
 * else or is open to others.
 */
export async function unpackEmbedded(soname: string, folder: string): Promise<string | undefined> {
  const file = Bun.embeddedFiles.find((blob) => embeddedSoname(blob).startsWith(soname));
  if (file === undefined) return undefined;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await assertPrivate(folder);
  const path = join(folder, soname);
  // Written beside and renamed: a file another process has mapped is never changed under it.
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, await file.bytes(), { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
  return path;
}

/** Bun puts eight characters of hash before the last dot of the name of the file behind the link. */
function embeddedSoname(blob: Blob): string {
  return (blob as Blob & { readonly name?: string }).name?.replace(/-[0-9a-z]{8}(?=\.)/, "") ?? "";
}

async function assertPrivate(folder: string): Promise<void> {
  const stats = await lstat(folder);
  const mine = stats.isDirectory() && stats.uid === process.getuid?.() &&
    (stats.mode & 0o077) === 0;
  if (mine) return;
  throw new Error(
    `unpack libraries into "${folder}": others can reach it; it must be a folder of this user with mode 0700`,
  );
}
