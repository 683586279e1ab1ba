/** What there is of a value that is still coming: nothing in it need be there yet. */
export type DeepPartial<A> = A extends string | number | boolean | bigint | symbol | null | undefined
  ? A
  : A extends Date | RegExp | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | ((...args: never) => unknown)
    ? A
    : A extends ReadonlyArray<infer Item>
      ? ReadonlyArray<DeepPartial<Item>>
      : A extends object
        ? { readonly [Key in keyof A]?: DeepPartial<A[Key]> }
        : A
