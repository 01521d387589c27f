/** The version of the program, from package.json, built into the binary. */
import manifest from "../package.json" with { type: "json" };

/** See the head of this file. */
export const VERSION: string = manifest.version;
