import { describe, expect, it } from "@effect/vitest"
import { Template } from "effect-llm"
import { FastCheck as fc } from "effect"

describe("Template.make", () => {
  it("puts values in the place of variables", () => {
    const letter = Template.make("Dear {{name}}, you are {{ age }}. Bye, {{name}}!{{\n yes\t}}")
    expect(letter.render({ name: "Ada", age: 36, yes: true })).toBe("Dear Ada, you are 36. Bye, Ada!true")
    expect(letter.names).toEqual(["name", "age", "yes"])
    expect(Template.make("{{a}}{{b}}").render({ a: "", b: "x" })).toBe("x")
    expect(Template.make("").render()).toBe("")
    expect(Template.make('{"a": {"b": 1}} }} { {').render()).toBe('{"a": {"b": 1}} }} { {')
  })

  it.prop(
    "leaves every value as it is, whatever it looks like",
    { a: fc.string(), b: fc.oneof(fc.string(), fc.constantFrom("{{a}}", "{{b}}", "{{{a}}}", "{{#a}}", "$&", "$1")) },
    ({ a, b }) => {
      expect(Template.make("<{{a}}|{{b}}|{{a}}>").render({ a, b })).toBe(`<${a}|${b}|${a}>`)
    }
  )

  it("does not read what objects inherit", () => {
    const template = Template.unsafeMake("{{constructor}}{{toString}}")
    expect(() => template.render({})).toThrow("{{constructor}}")
    expect(template.render({ constructor: "a", toString: "b" })).toBe("ab")
    const proto = Template.unsafeMake("{{__proto__}}")
    expect(() => proto.render({})).toThrow("{{__proto__}}")
  })

  it("does not write undefined: where the compiler was not asked, a value that is missing is thrown, with its place", () => {
    const template = Template.unsafeMake("Dear {{name}},\nyou are {{age}}.")
    expect(() => template.render({ name: "Ada" })).toThrow(
      expect.objectContaining({ _tag: "TemplateError", kind: "missing-value", line: 2, column: 9 })
    )
  })
})

describe("Template.unsafeMake", () => {
  it.each([
    ["{{name", "unclosed-tag", 1, 1],
    ["Dear {{name}},\nyou are {{age}", "unclosed-tag", 2, 9],
    ["a\n  {{}}\nb", "not-a-tag", 2, 3],
    ["{{#list}}{{/list}}", "not-a-tag", 1, 1],
    ["{{> footer}}", "not-a-tag", 1, 1],
    ["{{{name}}}", "not-a-tag", 1, 1],
    ["{{user.name}}", "not-a-tag", 1, 1]
  ])("%j is no template", (source, kind, line, column) => {
    expect(() => Template.unsafeMake(source)).toThrow(
      expect.objectContaining({ _tag: "TemplateError", kind, line, column })
    )
  })
})

describe("the indentation of the source code", () => {
  it.each([
    ["one line stays", "  a  ", "  a  "],
    ["of all lines goes", "  a\n  b", "a\nb"],
    ["that not all lines share stays", "a\n  - b\n  - c", "a\n  - b\n  - c"],
    ["the first and the last line break go", "\n    a\n      b\n\n    c\n  ", "a\n  b\n\nc"],
    ["only one of each goes", "\n\n  a\n\n", "\na\n"],
    ["lines of white space are empty, and do not count", "  a\n \n\t\t\n  b", "a\n\n\nb"],
    ["tabs are no spaces", "\ta\n  b", "\ta\n  b"],
    ["tabs that all lines share go", "\n\t\ta\n\t\t\tb\n\t", "a\n\tb"],
    ["line breaks of Windows stay", "\r\n  a\r\n  b\r\n", "a\r\nb"],
    ["nothing stays nothing", "\n", ""]
  ])("%s", (_name, text, expected) => {
    expect(Template.dedent(text)).toBe(expected)
  })

  it("is that of the template, never that of a value", () => {
    const template = Template.make(`
      Text:
        {{text}}
    `)
    expect(template.render({ text: "\n    a\n    b\n" })).toBe("Text:\n  \n    a\n    b\n")
  })

  it.prop("taken away once is taken away for good, in what has no blank line at its ends", [fc.string()], ([text]) => {
    const inner = Template.dedent(`a\n${text}\nb`)
    expect(Template.dedent(inner)).toBe(inner)
  })
})
