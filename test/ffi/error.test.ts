/** The error and its words. */
import { expect, test } from "bun:test";
import { errnoName, KernelRequestError } from "../../ffi/error.ts";

const names = [
  [1, "EPERM"],
  [2, "ENOENT"],
  [3, "ESRCH"],
  [11, "EAGAIN"],
  [17, "EEXIST"],
  [
    95,
    "EOPNOTSUPP",
  ],
  [105, "ENOBUFS"],
  [524, "errno 524"],
] as const;
for (const [number, name] of names) {
  test(`errnoName calls ${number} ${name}`, () => expect(errnoName(number)).toBe(name));
}

test("KernelRequestError names the capability that EPERM asks for", () => {
  const error = new KernelRequestError({ operation: "add address", code: "EPERM" });
  expect(error.message).toBe("add address: EPERM (needs CAP_NET_ADMIN and CAP_NET_RAW)");
  expect({ ...error }).toMatchObject({ operation: "add address", code: "EPERM" });
});

test("KernelRequestError prefers the kernel's own words", () => {
  const error = new KernelRequestError({ operation: "x", code: "EINVAL", detail: "bad scope" });
  expect(error.message).toBe("x: EINVAL (bad scope)");
});

test("KernelRequestError says nothing where nothing is known", () => {
  expect(new KernelRequestError({ operation: "x", code: "EINVAL" }).message).toBe("x: EINVAL");
});
