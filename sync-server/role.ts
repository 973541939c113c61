/** What a token allows by the admin API: a viewer looks, an operator also holds a rollout or takes it back, release decides what runs where. */
export const ROLES = ['viewer', 'operator', 'release'] as const;
export type Role = (typeof ROLES)[number];

/** Each role may do what the ones before it may. */
export function allows(held: Role, needed: Role): boolean {
  return ROLES.indexOf(held) >= ROLES.indexOf(needed);
}
