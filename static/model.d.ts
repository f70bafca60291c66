// The shape of the client's state and actions: what `state.js` offers and the views consume.
// Wire types (Message, Room, Channel, ...) mirror the server's OpenAPI; see docs/.
import type { Signal, ReadonlySignal } from './vendor/ui.mjs';

export type Role = 'owner' | 'admin' | 'member' | 'guest';
export type Status = 'online' | 'idle' | 'dnd' | 'offline';

export interface Me { id: string; username: string; display_name: string; guest: boolean; admin: boolean; settings: Settings }
/** Kept on the account (PATCH /api/me {settings}); unknown keys are preserved. */
export interface Settings { theme?: 'system' | 'light' | 'dark'; density?: 'cosy' | 'compact'; enter_sends?: boolean; clock?: '12' | '24' | 'auto'; [k: string]: unknown }
export interface Channel { id: string; letter: string; name: string; kind: 'text' | 'voice'; topic?: string | null; topology?: 'forwarded' | 'direct'; head: number; unread: number; mentions: number }
export interface Member { user: string; name: string; username: string; role: Role }
export interface Reaction { emoji: string; count: number; me: boolean }
export interface Message {
  id: string; seq: number; channel: string; author: { id: string; name: string }; text: string; reply_to: number | null;
  created_at: string; edited_at: string | null; deleted: boolean; reactions: Reaction[]; mentions: string[]; pinned: boolean;
}
/** A message typed here and not yet acknowledged; `key` is the idempotency key that reconciles it. */
export interface Pending { key: string; channel: string; text: string; reply_to: number | null; at: string; state: 'queued' | 'sending' | 'failed'; error: string | null }

export interface RoomView {
  id: string; slug: string; title: string; role: Role; topic: string | null;
  channels: Channel[]; members: Member[];
  /** user id -> status; absent = offline. Above 100 online the server sends counts only: then `onlineCount` leads. */
  presence: Map<string, Status>; onlineCount: number;
}
export interface Timeline {
  channel: string; messages: Message[]; pending: Pending[]; head: number;
  /** `idle` before the first load; `gap` while history is being fetched again after a long absence. */
  phase: 'idle' | 'loading' | 'ready' | 'gap' | 'error'; error: string | null;
  hasOlder: boolean; loadingOlder: boolean;
  /** first seq that was unread when the channel was opened, for the "New since" line; null = none */
  newSince: number | null; newSinceAt: string | null;
}
export interface Connection {
  status: 'idle' | 'connecting' | 'online' | 'reconnecting' | 'ended';
  /** epoch ms of the next attempt while reconnecting */ retryAt: number | null;
  /** why it ended for good (close codes 45xx) in words for a person */ reason: string | null; code: number | null;
}
/** One place where I am signed in. */
export interface SignIn { id: string; current: boolean; agent: string | null; created_at: string; seen_at: string | null }
/** A room route with `letter: null` is the channel list on a phone; `channel` is then the last visited or first text
 *  channel, and the address stays as it is. Joining or creating a room goes to its first text channel by letter. */
export type Route =
  | { name: 'home' } | { name: 'signin' } | { name: 'register' } | { name: 'setup'; token: string }
  | { name: 'invite'; token: string } | { name: 'room'; slug: string; letter: string | null };
export interface InvitePreview { room: { title: string; slug: string; members: number }; inviter: string; talking: { name: string }[]; registration: 'open' | 'invite' | 'closed' }
export interface Invite { token: string; url: string; uses: number; max_uses: number | null; expires_at: string | null; role: Role; created_by: string }
/** Every failed action rejects with this: `message` is fit to show, `code` is the server's stable code. */
export interface Failure extends Error { code: string; status: number; retryAfter: number | null; fields: Record<string, string> }

export interface Model {
  app: ReadonlySignal<{ name: string; origin: string; registration: 'open' | 'invite' | 'closed'; messageMax: number; guestOf: string | null }>;
  ready: ReadonlySignal<boolean>;              // false until the stored session was tried
  me: ReadonlySignal<Me | null>;
  route: ReadonlySignal<Route>;
  connection: ReadonlySignal<Connection>;
  rooms: ReadonlySignal<{ id: string; slug: string; title: string; role: Role }[]>;
  room: ReadonlySignal<RoomView | null>;       // the room of the route
  roomError: ReadonlySignal<Failure | null>;   // e.g. 404: not a member or no such room
  channel: ReadonlySignal<Channel | null>;     // the text channel of the route
  timeline: ReadonlySignal<Timeline | null>;   // of `channel`
  typing: ReadonlySignal<{ id: string; name: string }[]>; // in `channel`, without me
  inviteUrl: ReadonlySignal<string | null>;    // last invite made for `room`
  notices: ReadonlySignal<{ id: number; kind: 'info' | 'error'; text: string }[]>; // toasts
  draft(channel: string): Signal<string>;      // kept over reloads
  replyTo: Signal<Message | null>;             // in `channel`
  can(action: 'invite' | 'create_channel' | 'edit_room' | 'remove_room' | 'kick' | 'set_role' | 'create_room' | 'post'): { ok: true } | { ok: false; why: string };

  navigate(route: Route, options?: { replace?: boolean }): void;
  signIn(f: { username: string; password: string }): Promise<void>;
  /** `invite`: a token that allows registration where it is by invite only; joining it is a separate `acceptInvite`.
   *  signIn and register go home from the routes `signin` and `register`; on any other route they stay there. */
  register(f: { username: string; password: string; display_name?: string; invite?: string }): Promise<void>;
  joinAsGuest(token: string, display_name: string): Promise<void>;
  acceptInvite(token: string): Promise<void>;  // signed in already
  /** Rejects with code `not_found`, `invite_expired`, `invite_used` or `banned` (others: shown by their message). */
  previewInvite(token: string): Promise<InvitePreview>;
  setup(token: string, f: { username: string; password: string; display_name?: string; room: string }): Promise<void>;
  signOut(): Promise<void>;
  createRoom(f: { title: string; slug?: string }): Promise<void>;   // and goes there
  updateRoom(f: { title?: string; topic?: string | null }): Promise<void>;
  removeRoom(): Promise<void>;
  leaveRoom(): Promise<void>;
  createChannel(f: { name: string; kind: 'text' | 'voice' }): Promise<void>;
  updateChannel(letter: string, f: { name?: string; topic?: string | null }): Promise<void>;
  removeChannel(letter: string): Promise<void>;
  createInvite(f?: { max_uses?: number; expires_in?: number; role?: Role }): Promise<Invite>;
  invites(): Promise<Invite[]>;
  revokeInvite(token: string): Promise<void>;
  setRole(user: string, role: Role): Promise<void>;
  removeMember(user: string): Promise<void>;
  /** Optimistic; never throws. Clears the draft and `replyTo`; if the outbox is full, says so and puts the draft back. */
  send(text: string): void;
  retry(key: string): void; discard(key: string): void;
  typed(): void;                               // throttled typing notice
  loadOlder(): Promise<void>;
  reload(): void;                              // loads `timeline` again after its phase `error`
  retryRoom(): void;                           // loads `room` again after a `roomError`
  seen(seq: number): void;                     // moves the read marker forward
  reconnectNow(): void;
  updateMe(f: { display_name?: string; settings?: Partial<Settings> }): Promise<void>;
  changePassword(f: { old: string; new: string }): Promise<void>;
  becomeAccount(f: { username: string; password: string }): Promise<void>;
  sessions(): Promise<SignIn[]>;
  endSession(id: string): Promise<void>;
  deleteAccount(f: { password?: string }): Promise<void>;
  /** These four act on a message of `channel` and resolve when the server committed it; its event changes the timeline. */
  edit(id: string, text: string): Promise<void>;
  remove(id: string): Promise<void>;
  react(id: string, emoji: string, on: boolean): Promise<void>;
  pin(id: string, on: boolean): Promise<void>;
  notify(text: string, kind?: 'info' | 'error'): void; dismiss(id: number): void;
}
