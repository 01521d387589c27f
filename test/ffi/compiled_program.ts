/** What the test of the embedded libraries compiles: opens libnl from inside the program and asks the kernel something. */
import { openLibraries } from "../../ffi/libraries.ts";
import { openRoute } from "../../ffi/route.ts";

try {
  const libraries = await openLibraries({
    privateFolder: process.argv[2] ?? "",
    findSystemFile: () => undefined,
  });
  const route = openRoute(libraries);
  const found = route.link("lo")?.name;
  route.close();
  await Bun.write(Bun.stdout, `${libraries.origin} ${found}`);
} catch (error) {
  await Bun.write(Bun.stdout, String(error));
}
