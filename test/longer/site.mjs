/**
 * Tests the built site in Debian's Chromium: every link and anchor leads somewhere, nothing is loaded from elsewhere, each page fits a
 * phone, search finds, the playground answers. `npm run test:site`; with `-- --pictures` it also takes the pictures of the docs.
 */
import { spawnSync } from 'node:child_process'
import { createReadStream, existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import { chromium } from 'playwright-core'

import { EXAMPLES } from '../../docs/.vitepress/playground/examples.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const site = join(root, 'site')
const PHONE = { width: 375, height: 760 }
const DESKTOP = { width: 1280, height: 800 }
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

const browserPath = findChromium()
if (browserPath === null) {
  console.error(
    'Chromium is not installed (Debian: apt-get install chromium); or say where it is: SYNCPG_CHROMIUM=/path',
  )
  process.exit(1)
}

const failures = []
const check = (isFine, words) => {
  if (!isFine) failures.push(words)
}

const server = createServer(answer).listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const origin = `http://127.0.0.1:${server.address().port}`
const pages = readdirSync(site, { recursive: true })
  .filter((file) => file.endsWith('.html') && file !== '404.html')
  .map((file) => file.replaceAll('\\', '/'))

checkLinks()
const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] })
try {
  await inTab(DESKTOP, checkPlayground)
  await inTab(DESKTOP, checkSearch)
  // The look of a page is in its HTML. Its scripts would only cost time.
  await inTab(PHONE, checkPhone, { javaScriptEnabled: false })
  if (process.argv.includes('--pictures')) await takePictures()
} finally {
  await browser.close()
  server.close()
}
for (const failure of failures) console.error(failure)
console.log(`${pages.length} pages, ${failures.length} failures`)
if (failures.length > 0) process.exitCode = 1

function findChromium() {
  const named = process.env.SYNCPG_CHROMIUM
  if (named !== undefined) return named
  const found = ['chromium', 'chromium-browser', 'google-chrome'].map((name) =>
    spawnSync('which', [name], { encoding: 'utf8' }),
  )
  return found.find(({ status }) => status === 0)?.stdout.trim() ?? null
}

function answer(request, response) {
  const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname)
  const file = join(site, path.endsWith('/') ? `${path}index.html` : path)
  if (relative(site, file).startsWith('..') || !existsSync(file) || statSync(file).isDirectory()) {
    response.writeHead(path === '/favicon.ico' ? 204 : 404).end()
    return
  }
  response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
  createReadStream(file).pipe(response)
}

/** Checks the links of all pages, from their HTML: each file exists and has the anchor. */
function checkLinks() {
  const html = new Map(pages.map((page) => [page, readFileSync(join(site, page), 'utf8')]))
  const ids = new Map(
    [...html].map(([page, text]) => [page, new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id))]),
  )
  let count = 0
  for (const [page, text] of html) {
    for (const [, reference] of text.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      const url = new URL(reference.replaceAll('&amp;', '&'), `${origin}/${page}`)
      if (url.origin !== origin || url.pathname === '/favicon.ico') continue
      count += 1
      const path = decodeURIComponent(url.pathname).slice(1)
      const file = path === '' || path.endsWith('/') ? `${path}index.html` : path
      const anchor = decodeURIComponent(url.hash.slice(1))
      if (!existsSync(join(site, file))) check(false, `${page}: ${reference} leads nowhere`)
      else if (anchor !== '' && ids.has(file))
        check(ids.get(file).has(anchor), `${page}: ${reference}: there is no such anchor`)
    }
  }
  check(count > 1000, `only ${count} links were found: the pages are not as this test reads them`)
}

/**
 * Runs a check in a tab of the given size. It fails if the page logs an error or loads anything from another server.
 */
async function inTab(viewport, work, options = {}) {
  const tab = await browser.newPage({
    viewport,
    isMobile: viewport === PHONE,
    hasTouch: viewport === PHONE,
    ...options,
  })
  tab.on('pageerror', (error) => check(false, `${tab.url()}: ${error.message}`))
  tab.on('request', (request) => {
    const isOurs = request.url().startsWith(origin) || /^(?:data|blob):/.test(request.url())
    check(isOurs, `${tab.url()} loads ${request.url()}`)
  })
  tab.on('response', (response) => check(response.status() < 400, `${response.url()}: ${response.status()}`))
  try {
    await work(tab)
  } catch (error) {
    check(false, `${work.name}: ${error.stack}`)
  } finally {
    await tab.close()
  }
}

async function checkPlayground(tab) {
  await tab.goto(`${origin}/playground.html`)
  const isReady = () => tab.waitForSelector('.playground[data-state=ready]', { timeout: 60_000 })
  const output = () => tab.locator('.playground .output').innerText()
  await isReady()
  for (const [index, { title }] of EXAMPLES.entries()) {
    await tab.locator('.playground select').selectOption(String(index))
    await tab.locator('.playground .run').click()
    await isReady()
    const isError = (await tab.locator('.playground pre.error').count()) > 0
    check(isError === (title === 'Errors'), `playground, example "${title}": ${await output()}`)
    check((await output()).trim() !== '', `playground, example "${title}" prints nothing`)
  }
  await tab
    .locator('textarea')
    .fill("console.log(await con.fetch('select g * 7 as n, $1 as word from generate_series(5, 6) g', ['text']))")
  await tab.locator('textarea').press('Control+Enter')
  await tab.locator('.rows td', { hasText: '42' }).waitFor()
  check((await tab.locator('.rows tbody tr').count()) === 2, 'playground: two rows were asked for')

  await tab.locator('textarea').fill("await con.fetch('select nothing')")
  await tab.locator('.playground .run').click()
  await tab.locator('pre.error', { hasText: 'UndefinedColumnError: column "nothing" does not exist' }).waitFor()

  // An endless loop stops only the worker.
  await tab.locator('textarea').fill('for (;;) {}')
  await tab.locator('.playground .run').click()
  await tab.locator('.playground[data-state=running]').waitFor()
  await tab.locator('button', { hasText: 'Start anew' }).click()
  await isReady()
  await tab.locator('textarea').fill('console.log(1 + 1)')
  await tab.locator('.playground .run').click()
  await tab.locator('pre', { hasText: /^2$/ }).waitFor()
}

async function checkSearch(tab) {
  await tab.goto(`${origin}/`)
  await tab.locator('.VPNavBarSearch button').first().click()
  await tab.locator('.VPLocalSearchBox input').fill('copyRecordsToTable')
  await tab.locator('.VPLocalSearchBox .result').first().waitFor()
  const hrefs = await tab
    .locator('.VPLocalSearchBox a.result')
    .evaluateAll((links) => links.map((link) => link.getAttribute('href')))
  check(
    hrefs.some((href) => href.includes('reference/')),
    `search: no page of the reference among ${hrefs}`,
  )
}

/** No page is wider than a phone. */
async function checkPhone(tab) {
  for (const page of pages) {
    await tab.goto(`${origin}/${page}`, { waitUntil: 'load' })
    const wide = await tab.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement
      if (scrollWidth <= clientWidth) return null
      const wider = [...document.querySelectorAll('main *')].find(
        (one) => one.getBoundingClientRect().right > clientWidth + 1,
      )
      return `${scrollWidth} px wide, by ${wider?.outerHTML.slice(0, 120)}`
    })
    check(wide === null, `${page} on a phone: ${wide}`)
  }
}

async function takePictures() {
  const pictures = join(root, 'docs/pictures')
  const take = (name, viewport, path, prepare = async () => {}) =>
    inTab(viewport, async (tab) => {
      await tab.goto(`${origin}/${path}`)
      await prepare(tab)
      await tab.waitForLoadState('networkidle')
      await tab.screenshot({ path: join(pictures, `${name}.png`) })
    })
  const play = async (tab) => {
    await tab.waitForSelector('.playground[data-state=ready]', { timeout: 60_000 })
    await tab.locator('.playground .run').click()
    await tab.locator('.rows').waitFor()
    await tab.locator('h1').scrollIntoViewIfNeeded()
  }
  await take('site-home', DESKTOP, 'index.html')
  await take('site-reference', DESKTOP, 'reference/async-connection.html#fetch')
  await take('site-playground', DESKTOP, 'playground.html', play)
  await take('site-guide-phone', PHONE, 'guides/first-hour.html')
  await take('site-reference-phone', PHONE, 'reference/async-connection.html#query')
  await take('site-playground-phone', PHONE, 'playground.html', play)
}
