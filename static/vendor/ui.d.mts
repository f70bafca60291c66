// Types of ui.mjs: the part of Preact, htm and Preact signals that this project uses.

/** Anything a component may return or take as a child. */
export type Child =
  | VNode
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | ReadonlySignal<any>
  | Child[];

export interface VNode<P = any> {
  type: any;
  props: P;
  key: any;
}

export type Component<P = any> = (props: P & { children?: any }) => Child;

export interface ReadonlySignal<T = any> {
  readonly value: T;
  /** Reads without subscribing. */
  peek(): T;
  subscribe(fn: (value: T) => void): () => void;
}

export interface Signal<T = any> extends ReadonlySignal<T> {
  value: T;
}

export interface Ref<T> {
  current: T;
}

export interface Context<T> {
  Provider: Component<{ value: T }>;
  Consumer: Component<any>;
}

/** Tagged template that builds vnodes: html`<${Button} label=${text} />`. */
export function html(strings: TemplateStringsArray, ...values: any[]): any;
export function h(type: any, props?: any, ...children: any[]): VNode;
export function render(node: Child, parent: Element | DocumentFragment): void;
export const Fragment: Component;
export function createContext<T>(initial: T): Context<T>;
export function createRef<T = any>(): Ref<T | null>;
export function cloneElement(node: VNode, props?: any, ...children: any[]): VNode;
export function isValidElement(value: unknown): value is VNode;
export function toChildArray(children: any): Array<VNode | string | number>;

type Cleanup = void | (() => void);
export function useEffect(fn: () => Cleanup, inputs?: readonly unknown[]): void;
export function useLayoutEffect(fn: () => Cleanup, inputs?: readonly unknown[]): void;
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((previous: T) => T)) => void];
export function useReducer<S, A>(step: (state: S, action: A) => S, initial: S): [S, (action: A) => void];
export function useRef<T>(initial: T): Ref<T>;
export function useCallback<F extends (...args: any[]) => any>(fn: F, inputs: readonly unknown[]): F;
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
export function useContext<T>(context: Context<T>): T;
export function useId(): string;

export function signal<T>(initial: T): Signal<T>;
export function signal<T = undefined>(): Signal<T | undefined>;
export function computed<T>(fn: () => T): ReadonlySignal<T>;
/** Runs now and after every change of a signal it read; returns the function that ends it. */
export function effect(fn: () => Cleanup): () => void;
export function batch<T>(fn: () => T): T;
export function untracked<T>(fn: () => T): T;
export function useSignal<T>(initial: T): Signal<T>;
export function useComputed<T>(fn: () => T): ReadonlySignal<T>;
export function useSignalEffect(fn: () => Cleanup): void;
