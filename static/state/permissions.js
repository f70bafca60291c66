// What I may do, and the words for why not. The server decides; this only keeps a control from promising what the
// server would refuse. Pure.

/** @typedef {import('../model.d.ts').Me} Me */
/** @typedef {import('../model.d.ts').Role} Role */
/** @typedef {{ok: true} | {ok: false, why: string}} Verdict */
/** @typedef {'invite' | 'create_channel' | 'edit_room' | 'remove_room' | 'kick' | 'set_role' | 'create_room' | 'post'} Action */

/** @type {Record<Action, {roles: Role[], why: string}>} */
const RULES = {
  invite: { roles: ['owner', 'admin', 'member'], why: 'Guests cannot invite. Make this an account first.' },
  create_channel: { roles: ['owner', 'admin'], why: 'Only owners and admins create channels.' },
  edit_room: { roles: ['owner', 'admin'], why: 'Only owners and admins change the room.' },
  remove_room: { roles: ['owner'], why: 'Only the owner deletes the room.' },
  kick: { roles: ['owner', 'admin'], why: 'Only owners and admins remove people.' },
  set_role: { roles: ['owner'], why: 'Only the owner changes roles.' },
  create_room: { roles: ['owner', 'admin', 'member', 'guest'], why: '' },
  post: { roles: ['owner', 'admin', 'member', 'guest'], why: '' },
};

/** @param {Action} action @param {{me: Me | null, role: Role | null, mutedUntil: number | null, now: number}} who @returns {Verdict} */
export function verdict(action, { me, role, mutedUntil, now }) {
  if (!me) return { ok: false, why: 'Sign in first.' };
  if (action === 'create_room') return me.guest ? { ok: false, why: 'Guests cannot create rooms. Make this an account first.' } : { ok: true };
  if (role === null) return { ok: false, why: 'Open a room first.' };
  if (action === 'invite' && me.guest) return { ok: false, why: RULES.invite.why };
  const { roles, why } = RULES[action];
  if (!roles.includes(role)) return { ok: false, why };
  if (action === 'post' && mutedUntil !== null && mutedUntil > now) {
    return { ok: false, why: mutedUntil === Infinity ? 'A moderator muted you.' : `A moderator muted you until ${new Date(mutedUntil).toLocaleTimeString()}.` };
  }
  return { ok: true };
}
