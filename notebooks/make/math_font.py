"""Make math.woff, the letters and signs of formulas: a part of Noto Sans Math, with its table of how formulas are set.

Browsers set MathML well only in a font that has such a table, and many computers have none. The whole font is in an npm package:

    npm pack @fontsource/noto-sans-math@5.3.0 && tar xzf fontsource-noto-sans-math-5.3.0.tgz
    python notebooks/make/math_font.py package/files/noto-sans-math-latin-400-normal.woff

Noto Sans Math is under the SIL Open Font License 1.1, and so is the part.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

SHA256 = "b5710a7b1c8a9af4f0c1f638a97c8625d9c6a69af765bfc14da14cb76fb01032"
TARGET = Path(__file__).with_name("math.woff")
# Latin and Greek letters, upright, italic and bold italic; script and double-struck capitals; signs.
RANGES = [(0x20, 0x7E), (0x370, 0x3FF), (0x1D400, 0x1D467), (0x1D49C, 0x1D4CF), (0x1D538, 0x1D551), (0x1D6E2, 0x1D71B)]
SIGNS = "ℎℓℝ∑∏∫√∂∇∞∈∉⊂⊃∪∩∘∗⊙⊗⊕≤≥≠≈∼≡≪≫±×·÷−→←↔⇒↦⟵⟶⟹∀∃∝⟨⟩‖|∥⌊⌋⌈⌉′″…⋯⋮⋱½¼¾^¯~‾⏞⏟\u0302\u0303\u0304\u0307"


def main(whole: Path) -> None:
    if (found := hashlib.sha256(whole.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(f"{whole}: SHA-256 {found}, expected {SHA256}")
    font = TTFont(whole)
    subsetter = Subsetter(Options(layout_features=["*"], notdef_outline=True, name_IDs=["*"]))
    subsetter.populate(unicodes=[*map(ord, SIGNS), *(code for first, last in RANGES for code in range(first, last + 1))])
    subsetter.subset(font)
    font.flavor = "woff"
    font.save(TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes, {len(font.getGlyphOrder())} glyphs")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
