/**
 * Places in a JSON value: `user`, `messages.0.content`, `messages.*.name`. A `*` is every key of an object, or every
 * element of a list.
 */
import { isRecord } from "../../wire/Json.js"

/** The value with what stands at the path changed; `undefined` takes it out. What is not there stays so. */
export const change = (value: unknown, path: string, f: (found: unknown) => unknown): unknown =>
  changed(
    value,
    path
      .replaceAll(/\[([^\]]*)\]/g, ".$1")
      .replace(/^\$?\.?/, "")
      .split("."),
    f
  )

/** The same for several paths. */
export const changeAll = (value: unknown, paths: ReadonlyArray<string>, f: (found: unknown) => unknown): unknown =>
  paths.reduce((before, path) => change(before, path, f), value)

const changed = (value: unknown, path: ReadonlyArray<string>, f: (found: unknown) => unknown): unknown => {
  const [key, ...rest] = path
  if (key === undefined) return f(value)
  if (!isRecord(value) && !Array.isArray(value)) return value
  const entries = Object.entries(value)
    .map(([name, field]) => [name, name === key || key === "*" ? changed(field, rest, f) : field] as const)
    .filter(([, field]) => field !== undefined)
  return Array.isArray(value) ? entries.map(([, field]) => field) : Object.fromEntries(entries)
}
