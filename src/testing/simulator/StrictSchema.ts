/** OpenAI's rules for a schema with `strict: true`: objects are closed, and every property is required. */
import * as Predicate from "effect/Predicate"

/** What is wrong with the schema in OpenAI's words; undefined when nothing is. */
export const strictFault = (schema: unknown, context: ReadonlyArray<string> = []): string | undefined => {
  if (!Predicate.isRecord(schema)) return undefined
  const inside = (child: unknown, ...path: ReadonlyArray<string>): string | undefined =>
    strictFault(child, [...context, ...path])

  const properties = schema["properties"]
  if (schema["type"] === "object" || properties !== undefined) {
    const where = `In context=(${context.map((name) => `'${name}'`).join(", ")})`
    if (schema["additionalProperties"] !== false) {
      return `${where}, 'additionalProperties' is required to be supplied and to be false.`
    }
    const required = Array.isArray(schema["required"]) ? schema["required"] : []
    const missing = Object.keys(Predicate.isRecord(properties) ? properties : {}).find(
      (name) => !required.includes(name)
    )
    if (missing !== undefined) {
      return (
        `${where}, 'required' is required to be supplied and to be an array including every key in properties. ` +
        `Missing '${missing}'.`
      )
    }
  }
  for (const keyword of ["properties", "$defs", "definitions"]) {
    const children = schema[keyword]
    if (!Predicate.isRecord(children)) continue
    for (const [name, child] of Object.entries(children)) {
      const fault = inside(child, keyword, name)
      if (fault !== undefined) return fault
    }
  }
  const variants = Array.isArray(schema["anyOf"]) ? schema["anyOf"] : []
  for (const [index, variant] of variants.entries()) {
    const fault = inside(variant, "anyOf", String(index))
    if (fault !== undefined) return fault
  }
  return inside(schema["items"], "items")
}
