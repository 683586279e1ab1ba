/**
 * JSON with one text per value: keys sorted, `undefined` left out. For keys of caches.
 */

/** The canonical JSON text of a value. Throws a `TypeError`, as JSON does, for what JSON cannot hold (cycles, bigints). */
export const stringify = (value: unknown): string => JSON.stringify(value, sortKeys) ?? "null"

/** Called with `toJSON` already applied. */
const sortKeys = (_key: string, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value)
  // Most objects that come here are small and often sorted already.
  let sorted = true
  for (let i = 1; i < entries.length && sorted; i++) sorted = (entries[i - 1]?.[0] ?? "") < (entries[i]?.[0] ?? "")
  return sorted ? value : Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
