/** Four layers, the oldest below. */
export const Mark = () => (
  <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" class="mark">
    <path d="M3 8q7-4 13 0t13-1v5q-7 3-13-1t-13 2z" class="l1" />
    <path d="M3 14q7-4 13 0t13-1v4q-7 3-13-1t-13 3z" class="l2" />
    <path d="M3 20q7-4 13 0t13-1v2q-7 3-13-1t-13 3z" class="l3" />
    <path d="M3 24q7-4 13 0t13-1v6H3z" class="l4" />
  </svg>
)
