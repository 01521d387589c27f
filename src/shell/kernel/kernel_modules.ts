/**
 * Which kernel modules are loaded, built in, or could be loaded, from the kernel's own lists.
 */

/** How a module is present. */
export type ModuleState = "loaded" | "builtin" | "available" | "absent";

/** The lists, read once. */
export interface KernelModules {
  /** Whether there is a list of what could be loaded for this kernel. */
  readonly known: boolean;
  state(name: string): ModuleState;
}

/**
 * Reads /proc/modules (what is loaded) and modules.builtin and modules.dep of the running kernel (modules.dep(5)): one
 * path per line, `kernel/net/netfilter/ipvs/ip_vs.ko`, compressed files with one more ending.
 */
export function findModules(
  { readText, kernelRelease }: {
    readText(path: string): string | null;
    kernelRelease(): string;
  },
): KernelModules {
  const folder = `/lib/modules/${kernelRelease()}`;
  const dependencies = readText(`${folder}/modules.dep`);
  const loaded = new Set(
    (readText("/proc/modules") ?? "").split("\n").map((line) => line.split(" ")[0] ?? ""),
  );
  const builtin = moduleNames(readText(`${folder}/modules.builtin`) ?? "");
  const available = moduleNames(dependencies ?? "");
  return {
    known: dependencies !== null,
    state: (name) =>
      loaded.has(name)
        ? "loaded"
        : builtin.has(name)
        ? "builtin"
        : available.has(name)
        ? "available"
        : "absent",
  };
}

function moduleNames(text: string): Set<string> {
  const names = text.split("\n").flatMap((line) => {
    const name = /([^/]+)\.ko(?:\.\w+)?(?::|$)/.exec(line.split(" ")[0] ?? "")?.[1];
    // The kernel writes names with underscores, file names may have dashes.
    return name === undefined ? [] : [name.replaceAll("-", "_")];
  });
  return new Set(names);
}
