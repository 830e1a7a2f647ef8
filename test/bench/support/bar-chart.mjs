/**
 * A bar chart as SVG text: horizontal bars in groups, each with its figure and the spread as a thin line. It has its
 * own background, and colours for light and dark, because a picture does not know the background of its page.
 */

const WIDTH = 760
const LABEL_WIDTH = 130
const FIGURE_WIDTH = 74
const BAR_HEIGHT = 15
const BAR_STEP = 20
const GROUP_HEAD = 34
const MARGIN = 16
const TITLE_HEIGHT = 46

const STYLE = `text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:15px;font-weight:600}.note{fill:#59636e}.group{font-weight:600}.end{text-anchor:end}
.ground{fill:#fff;stroke:#d1d9e0}.theirs{fill:#aeb8c2}.blocking{fill:#0a6cd6}.async{fill:#12905b}.line{stroke:#1f2328;stroke-width:1.2}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}.ground{fill:#0d1117;stroke:#3d444d}
.theirs{fill:#565f69}.blocking{fill:#4493f8}.async{fill:#3fb950}.line{stroke:#e6edf3}}`

/**
 * @param chart `{ title, note, groups: [{ title, bars: [{ label, kind, median, least, most, figure }] }] }`; each group
 *   has a scale of its own. `kind` is `'blocking'`, `'async'` or `'theirs'`.
 */
export function barChart({ title, note, groups }) {
  const parts = []
  let y = TITLE_HEIGHT + MARGIN
  for (const group of groups) {
    parts.push(text(MARGIN, y + 16, group.title, 'group'))
    y += GROUP_HEAD - 8
    const longest = Math.max(...group.bars.map(({ most, median }) => Math.min(most, median * 1.6)))
    const unit = (WIDTH - 2 * MARGIN - LABEL_WIDTH - FIGURE_WIDTH) / longest
    for (const bar of group.bars) {
      parts.push(...drawBar(bar, y, unit, longest))
      y += BAR_STEP
    }
    y += 10
  }
  const height = y + 6
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    text(MARGIN, 28, title, 'title'),
    text(MARGIN, 48, note, 'note'),
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function drawBar({ label, kind, median, least, most, figure }, y, unit, longest) {
  const left = MARGIN + LABEL_WIDTH
  const middle = y + BAR_HEIGHT / 2
  const end = Math.min(most, longest)
  const parts = [
    text(left - 8, y + 12, label, 'end'),
    `<rect class="${kind}" x="${left}" y="${y}" width="${round(Math.max(1, median * unit))}" height="${BAR_HEIGHT}" rx="2"/>`,
  ]
  if (most > least) {
    const [x1, x2] = [round(left + least * unit), round(left + end * unit)]
    parts.push(`<line class="line" x1="${x1}" x2="${x2}" y1="${middle}" y2="${middle}"/>`)
  }
  parts.push(text(round(left + Math.max(median, end) * unit + 6), y + 12, figure, ''))
  return parts
}

function text(x, y, content, kind) {
  return `<text x="${x}" y="${y}"${kind === '' ? '' : ` class="${kind}"`}>${escape(content)}</text>`
}

function round(value) {
  return Math.round(value * 10) / 10
}

function escape(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
