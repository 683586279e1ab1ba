/** Texts of many kinds, and generators of more, for what must hold of any text. */

const english = `It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.
However little known the feelings or views of such a man may be on his first entering a neighbourhood, this truth is so well
fixed in the minds of the surrounding families, that he's considered as the rightful property of some one or other of their
daughters. "My dear Mr. Bennet," said his lady to him one day, "have you heard that Netherfield Park is let at last?" — They'll
say we've won; I'd rather it weren't so. DON'T SHOUT, THEY'RE ASLEEP, AND I'LL WAKE THEM.`

const code = `export const fib = (n: number): number => (n < 2 ? n : fib(n - 1) + fib(n - 2)) // O(2^n)
#include <stdio.h>\r\nint main(void) {\r\n\tprintf("%d\\n", 0x7fff);\r\n\treturn 0;\r\n}\r\n
def getHTTPResponseCode(self, URLString="https://example.com/a/b?c=d&e=%20f#g"):
        return self._XMLHttpRequest2(URLString)  # snake_case, camelCase, SCREAMING_CASE
SELECT * FROM "users" WHERE id IN (1,22,333,4444,55555) AND name LIKE '%\\'s%';
<div class="a-b_c" onclick='f()'>&nbsp;</div>   /* ---- */ //// ====`

const json = JSON.stringify(
  { id: "chatcmpl-123", created: 1_677_652_288, tags: ["a", "b"], nested: { true: true, null: null, price: 2.99 } },
  null,
  2
)

/** The first article of the Universal Declaration of Human Rights, or its beginning. */
const scripts: Readonly<Record<string, string>> = {
  Russian: "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью.",
  Slovak:
    "Všetci ľudia sa rodia slobodní a sebe rovní, čo sa týka ich dôstojnosti a práv. Sú obdarení rozumom a svedomím.",
  Greek: "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
  Chinese: "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
  Japanese: "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
  Korean: "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
  Arabic: "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميراً.",
  Hebrew: "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
  Hindi: "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
  Bengali: "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
  Tamil: "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
  Thai: "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
  Georgian: "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით.",
  Armenian: "Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով։",
  Amharic: "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው።",
  Khmer: "មនុស្សទាំងអស់ កើតមកមានសេរីភាព និងសមភាព",
  Vietnamese: "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi."
}

/** Where tokenizers in JavaScript have gone wrong. */
const traps: Readonly<Record<string, string>> = {
  emoji: "😀 👍🏽👍🏿 👨‍👩‍👧‍👦🇸🇰🇫🇷 ❤️‍🔥 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿!!! ok🎉🎉🎉",
  "white space": `  a   b\t\tc \n d\n\n\ne \r\n\r\n f${" ".repeat(100)}g${"\n".repeat(30)}h \t\n \t`,
  "spaces of Unicode": "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u1680g\u202f\u205f h",
  "next line": "a\u0085b \u0085 c\u0085\n\u0085\u0085d",
  "byte order marks": "\ufeffa \ufeff b\ufeff\n\ufeff\ufeffc",
  "zero width": "a\u200bb\u200dc\u2060d\u00ad",
  "lone surrogates": "a\ud800b\udc00 \udc00\ud800 c\ud83d",
  "object names": "constructor __proto__ toString hasOwnProperty valueOf isPrototypeOf __defineGetter__ toLocaleString",
  "special tokens": "<|endoftext|> <|im_start|>system<|im_sep|> <|fim_prefix|><|endofprompt|>",
  "contractions of the long s": "it'ſ IT'S it's'ſ'S 'ſ x'llx X'LLX 're'VE'd'M't",
  "letters without case": "ªº ʰʱ ǅ ǈ ａＢ 字A字Bc字 Aʰ Bʰc ÀÉÎõü ßẞ",
  marks: "e\u0301 \u0301e A\u0301B \u0301\u0301 \u0301A1 !\u0301a क्षि 1\u0301",
  numbers: "1 12 123 1234 1234567890 ²³¹ ⅧⅨ ٠١٢٣٤ ½ 1,000.5e-10 𝟘𝟙𝟚𝟛",
  astral: "𝒜𝓑𝒸 𐐀𐐨 𠀀𠀁 𓀀 𝔘𝔫𝔦",
  "line ends and slashes": "a/\n/b//\r\n!/\n/\r/ ./\n\n/ ?\n?/",
  base64: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "long words": `${"Donaudampfschifffahrtselektrizitäten".repeat(9)} ${"x".repeat(95)} ${"y".repeat(96)} ${"zq".repeat(49)}`,
  empty: ""
}

export const corpora: Readonly<Record<string, string>> = { English: english, code, JSON: json, ...scripts, ...traps }

/** Numbers from 0 up to, not including, a limit; the same ones for the same seed (mulberry32). */
export const randomFrom = (seed: number): ((limit: number) => number) => {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

/** Code points that have been what they are for long: the oracle's Unicode tables are not those of every Node. */
const ranges: ReadonlyArray<readonly [number, number]> = [
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0xa0, 0x24f],
  [0x250, 0x36f],
  [0x391, 0x3a1],
  [0x3b1, 0x3c9],
  [0x400, 0x481],
  [0x5d0, 0x5ea],
  [0x620, 0x669],
  [0x904, 0x939],
  [0xe01, 0xe3a],
  [0x10d0, 0x10f0],
  [0x1e00, 0x1eff],
  [0x2000, 0x205f],
  [0x2100, 0x214f],
  [0x2190, 0x21ff],
  [0x2460, 0x2473],
  [0x3041, 0x3096],
  [0x4e00, 0x9fa5],
  [0xac00, 0xd7a3],
  [0xd800, 0xdfff],
  [0xff01, 0xff5e],
  [0x1d400, 0x1d454],
  [0x1f300, 0x1f320],
  [0x1f600, 0x1f64f],
  [0x20000, 0x200ff]
]

/** What matters to the split patterns, in pieces. */
const fragments = [
  ..." \t\n\r\u0085\u00a0\ufeff\u2028'ſʰªǅ字\u0301aAbBzZ019²!/.-_",
  "'s",
  "'LL",
  "'Re",
  "\r\n",
  "  ",
  " the",
  "ing",
  "\ud83d",
  "👍🏽",
  "<|endoftext|>"
]

/** Texts of random characters, of some characters again and again, and of what matters to the patterns. */
export const randomTexts = (seed: number, count: number): ReadonlyArray<string> => {
  const random = randomFrom(seed)
  const codePoint = (): string => {
    const [first, last] = ranges[random(ranges.length)] ?? [0x20, 0x7e]
    return String.fromCodePoint(first + random(last - first + 1))
  }
  const fragment = (): string => fragments[random(fragments.length)] ?? ""
  const repeated = (): string => codePoint().repeat(1 + random(12))
  const kinds = [codePoint, fragment, repeated, () => String.fromCodePoint(random(0x100))]
  return Array.from({ length: count }, (_, index) => {
    const kind = kinds[index % (kinds.length + 1)] ?? (() => (kinds[random(kinds.length)] ?? codePoint)())
    return Array.from({ length: random(40) }, kind).join("")
  })
}
