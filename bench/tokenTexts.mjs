// What tokenizers count: this project's own prose and code, and a sentence in each of ten languages.
import { readdirSync, readFileSync } from "node:fs"

const root = new URL("../", import.meta.url)
const read = (path) => readFileSync(new URL(path, root), "utf8")

const sentences = [
  "Všetci ľudia sa rodia slobodní a sebe rovní, čo sa týka ich dôstojnosti a práv.",
  "Все люди рождаются свободными и равными в своем достоинстве и правах.",
  "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
  "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
  "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
  "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
  "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
  "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
  "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
  "👋🏽 Hello 🌍! 🎉🎉"
]

const prose = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md"].map(read)
const code = readdirSync(new URL("src/", root), { recursive: true })
  .filter((file) => file.endsWith(".ts"))
  .sort()
  .map((file) => read(`src/${file.replaceAll("\\", "/")}`))

/** About 100 KB each, prose, code and other languages by turns. */
export const documents = () => {
  const whole = [...prose, ...code, sentences.join("\n").repeat(40)].join("\n")
  return Array.from({ length: Math.ceil(whole.length / 1e5) }, (_, index) =>
    whole.slice(index * 1e5, (index + 1) * 1e5)
  )
}

/** Of 200 characters, as people write in a chat. */
export const messages = (count) => {
  const whole = [...prose, sentences.join("\n")].join("\n").repeat(20)
  return Array.from({ length: count }, (_, index) => whole.slice(index * 173, index * 173 + 200))
}
