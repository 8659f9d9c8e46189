export function findStrayStrings(root: string): string[]
