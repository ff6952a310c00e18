"""Inline SVG icons, drawn for this product on a 24-pixel grid."""

from collections.abc import Mapping
from typing import Final

ICONS: Final[Mapping[str, str]] = {
    "dot": '<circle cx="12" cy="12" r="3" fill="currentColor"/>',
    "check": '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
    "check-circle": '<circle cx="12" cy="12" r="9"/><path d="M8 12.3l2.8 2.7L16 9.5"/>',
    "clock": '<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.2 2"/>',
    "question": '<circle cx="12" cy="12" r="9"/><path d="M9.6 9.3a2.5 2.5 0 1 1 3.4 2.4c-.7.3-1 .8-1 1.6"/>'
    '<path d="M12 16.6v.1"/>',
    "alert": '<path d="M12 3.8L2.8 19.5h18.4z"/><path d="M12 10v4"/><path d="M12 16.8v.1"/>',
    "cross": '<path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>',
    "cross-circle": '<circle cx="12" cy="12" r="9"/><path d="M9 9l6 6M15 9l-6 6"/>',
    "arrow": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "back": '<path d="M9 14l-4.5-4.5L9 5"/><path d="M4.5 9.5H14a5.5 5.5 0 0 1 0 11h-3"/>',
    "user": '<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5c.6-4 3.6-6 7.5-6s6.9 2 7.5 6"/>',
    "channel": '<rect x="3" y="5.5" width="18" height="13" rx="2.5"/><path d="M3 10h18M7 15h3.5"/>',
    "vault": '<path d="M3.5 9.5L12 4l8.5 5.5"/><path d="M4 20h16M6.5 10.5v6.5M12 10.5v6.5M17.5 10.5v6.5"/>',
    "supplier": '<path d="M4 9.5L5.5 4.5h13L20 9.5"/>'
    '<path d="M5 10v10h14V10"/>'
    '<path d="M4 9.5h16"/>'
    '<path d="M10 20v-5h4v5"/>',
    "person": '<path d="M4 13a8 8 0 0 1 16 0"/><rect x="3" y="13" width="4" height="6" rx="1.5"/>'
    '<rect x="17" y="13" width="4" height="6" rx="1.5"/><path d="M19 19c0 2-2.5 2.5-5 2.5"/>',
    "copy": '<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15V6a2 2 0 0 1 2-2h8"/>',
    "phone": '<rect x="7" y="2.5" width="10" height="19" rx="2.5"/><path d="M11 18.5h2"/>',
    "ticket": '<path d="M4 7.5h16v3a1.8 1.8 0 0 0 0 3.5v3H4v-3a1.8 1.8 0 0 0 0-3.5z"/>'
    '<path d="M14 7.5v9.5"/>',
    "game": '<rect x="2.5" y="7" width="19" height="11" rx="5"/>'
    '<path d="M7 10.5v4M5 12.5h4M15.5 11.3v.1M18 13.7v.1"/>',
    "shield": '<path d="M12 3l7.5 3v5.5c0 4.6-3.1 7.7-7.5 9.5-4.4-1.8-7.5-4.9-7.5-9.5V6z"/>'
    '<path d="M8.8 12l2.3 2.3 4.2-4.5"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="M15.5 15.5L20.5 20.5"/>',
    "lock": '<rect x="5" y="10.5" width="14" height="10" rx="2"/><path d="M8 10.5V7.5a4 4 0 0 1 8 0v3"/>',
    "send": '<path d="M20.5 3.5L10 14M20.5 3.5l-6.5 17-4-7-7-4z"/>',
    "bolt": '<path d="M13 2.5L5 13.5h6l-1 8 8-11h-6z"/>',
    "copies": '<rect x="3.5" y="8.5" width="12" height="12" rx="2"/>'
    '<path d="M8 8.5V6a2 2 0 0 1 2-2h8.5a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-3"/>',
    "more": '<circle cx="5" cy="12" r="1.6" fill="currentColor"/><circle cx="12" cy="12" r="1.6" fill="currentColor"/>'
    '<circle cx="19" cy="12" r="1.6" fill="currentColor"/>',
    "gear": '<circle cx="12" cy="12" r="3.2"/><path d="M12 3.5v2.5M12 18v2.5M3.5 12H6M18 12h2.5M6 6l1.8 1.8'
    'M16.2 16.2L18 18M6 18l1.8-1.8M16.2 7.8L18 6"/>',
    "home": '<path d="M4 11l8-7 8 7"/><path d="M6 9.5V20h12V9.5"/><path d="M10 20v-6h4v6"/>',
    "list": '<path d="M8.5 6.5h12M8.5 12h12M8.5 17.5h12"/><path d="M4 6.5h.1M4 12h.1M4 17.5h.1"/>',
    "chart": '<path d="M4 20h16"/><path d="M6.5 16v-5M11 16V6.5M15.5 16v-7M20 16v-3"/>',
    "book": '<path d="M5 4.5h11.5A2.5 2.5 0 0 1 19 7v13H7.5A2.5 2.5 0 0 1 5 17.5z"/><path d="M9 9h6M9 12.5h6"/>',
    "gauge": '<path d="M4 17a8.5 8.5 0 1 1 16 0"/><path d="M12 15l4-5"/>',
    "moon": '<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z"/>',
    "mail": '<rect x="3" y="5.5" width="18" height="13" rx="2.5"/><path d="M4 7.5l8 6 8-6"/>',
    "file": '<path d="M6 3h8l4 4v14H6z"/><path d="M14 3v4h4M9 12h6M9 16h6"/>',
    "flag": '<path d="M6 21V4"/><path d="M6 4.5h11l-2.5 4 2.5 4H6"/>',
    "chat": '<path d="M4 5.5h16v11H10l-4.5 4v-4H4z"/>',
    "edit": '<path d="M4.5 19.5l1-4L16 5l3 3L8.5 18.5z"/><path d="M13.5 7.5l3 3"/>',
    "bell": '<path d="M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15z"/><path d="M10 20.5h4"/>',
    "unplug": '<path d="M4 4l16 16M8 8l-3 3a4.5 4.5 0 0 0 0 6.3l1.7 1.7a4.5 4.5 0 0 0 6.3 0l3-3M11 6l2-2a4.5'
    ' 4.5 0 0 1 6.3 0l.7.7a4.5 4.5 0 0 1 0 6.3l-2 2"/>',
}
