/**
 * This machine's interfaces with their addresses, as rtnetlink lists them: all of them. `node:os` leaves out those that
 * do not run, and an interface runs only up to a second after it was set up (IFF_RUNNING follows link_watch.c).
 */
import { networkInterfaces } from "node:os";
import { type Libraries, openRoute } from "../../../ffi/mod.ts";
import { ipFromBytes } from "../../core/address.ts";
import type { Home } from "../../core/home.ts";
import { withLibraries } from "./borrowed_libraries.ts";

/** Addresses by the name of their interface. */
export type InterfaceList = Readonly<
  Record<string, readonly { readonly address: string }[] | undefined>
>;

/** Lists them; where the libraries cannot be opened, by what `node:os` knows. */
export async function listInterfaces(home: Home): Promise<InterfaceList> {
  try {
    return await withLibraries(home, readInterfaces);
  } catch {
    return networkInterfaces();
  }
}

/** The same with libraries that are open. */
export function readInterfaces(libraries: Libraries): InterfaceList {
  const route = openRoute(libraries);
  try {
    const rows = route.addresses();
    return Object.fromEntries(
      route.links().map(({ name, index }) => [
        name,
        rows.filter((row) => row.index === index)
          .map(({ address }) => ({ address: ipFromBytes(address) })),
      ]),
    );
  } finally {
    route.close();
  }
}
