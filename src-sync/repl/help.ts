export const HELP = ''
