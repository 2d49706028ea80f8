"""Public spellings of drugs that are one compound each, as tables have them."""

from __future__ import annotations

DACH = "C1CC[C@H]([C@@H](C1)[NH-])[NH-]"
PAMOATE = "OC(=O)c1cc2ccccc2c(Cc2c(O)c(cc3ccccc23)C(O)=O)c1O"
MEGLUMINE = "CNC[C@H](O)[C@@H](O)[C@H](O)[C@H](O)CO"
STEARATE = "CCCCCCCCCCCCCCCCCC(O)=O"
DTPA = "OC(=O)CN(CCN(CC(O)=O)CC(O)=O)CCN(CC(O)=O)CC(O)=O"
DTPA_IONS = "[O-]C(=O)CN(CCN(CC([O-])=O)CC([O-])=O)CCN(CC([O-])=O)CC([O-])=O"
ERYTHROMYCIN = (
    "CCC1OC(=O)C(C)C(OC2CC(C)(OC)C(O)C(C)O2)C(C)C(OC2OC(C)CC(C2O)N(C)C)C(C)(O)CC(C)"
    "C(=O)C(C)C(O)C1(C)O"
)

SPELLINGS: dict[str, tuple[str, ...]] = {
    # platinum
    "cisplatin": (
        "N.N.Cl[Pt]Cl",
        "N[Pt](N)(Cl)Cl",
        "[NH3+][Pt-2](Cl)(Cl)[NH3+]",
        "[NH3]->[Pt](<-[NH3])(Cl)Cl",
        "[NH2-].[NH2-].Cl[Pt+2]Cl",
        "[NH2-].[NH2-].[Cl-].[Cl-].[Pt+4]",
        "N.N.[Cl-].[Cl-].[Pt+2]",
        "[H]N([H])([H])[Pt](Cl)(Cl)N([H])([H])[H]",
        "[NH3].[NH3].Cl.Cl.[Pt]",
        "N.N.[Cl][Pt][Cl].O",
    ),
    "carboplatin": (
        "C1CC(C1)(C(=O)O)C(=O)O.[NH2-].[NH2-].[Pt+2]",
        "N.N.O=C1O[Pt]OC(=O)C11CCC1",
        "[NH3+][Pt-2]1([NH3+])OC(=O)C2(CCC2)C(=O)O1",
        "[NH2][Pt+2]1([NH2])<-[O-]C(=O)C2(C(=O)[O-]->1)CCC2",
        "C1CC(C1)(C(=O)O)C(=O)O.[Pt]",
        "N.N.[Pt+2].[O-]C(=O)C1(CCC1)C([O-])=O",
    ),
    "oxaliplatin": (
        f"{DACH}.C(=O)(C(=O)[O-])[O-].[Pt+4]",
        f"{DACH}.C(=O)(C(=O)O)O.[Pt+2]",
        "N[C@@H]1CCCC[C@H]1N.O=C(O)C(=O)O.[Pt]",
        "O=C1O[Pt]2(N[C@@H]3CCCC[C@H]3N2)OC1=O",
        "O=C1O[Pt-2]2(OC1=O)[NH2+]C1CCCCC1[NH2+]2",
        "O=C1[O-]->[Pt+2]2(<-[O-]C1=O)<-[NH2]C1CCCCC1[NH2]->2",
    ),
    "nedaplatin": (
        "N[Pt]1(N)OC=C(O)O1",
        "N.N.O=C1CO[Pt]O1",
        "[NH2-].[NH2-].C(C(=O)O)O.[Pt+2]",
    ),
    "lobaplatin": (
        "CC1O[Pt]2(NCC3CCC3CN2)OC1=O",
        "CC(O)C(=O)O.C1CC(C1C[NH-])C[NH-].[Pt+2]",
        "CC(O)C([O-])=O.NCC1CCC1CN.[Pt+2]",
    ),
    "satraplatin": (
        "CC(=O)O[Pt](N)(Cl)(Cl)(NC1CCCCC1)OC(C)=O",
        "CC(=O)[O-].CC(=O)[O-].C1CCC(CC1)N.N.Cl[Pt+2]Cl",
        "CC(=O)O.CC(=O)O.[NH2-].C1CCC(CC1)[NH-].[Cl-].[Cl-].[Pt+4]",
    ),
    "picoplatin": (
        "Cc1ccccn1.N.Cl[Pt]Cl",
        "Cc1cccc[n+]1[Pt-2](Cl)(Cl)[NH3+]",
        "CC1=CC=CC=N1.[NH2-].[Cl-].[Cl-].[Pt+2]",
    ),
    "miriplatin": (
        "[Pt++].N[C@H]1CCCC[C@@H]1N.CCCCCCCCCCCCCC(O)=O.CCCCCCCCCCCCCC(O)=O",
        f"{DACH}.CCCCCCCCCCCCCC([O-])=O.CCCCCCCCCCCCCC([O-])=O.[Pt+4]",
        "CCCCCCCCCCCCCC(=O)O[Pt]1(OC(=O)CCCCCCCCCCCCC)NC2CCCCC2N1",
    ),
    # gold, silver, mercury and others
    "auranofin": (
        "CCP(CC)(CC)=[Au]SC1OC(COC(C)=O)C(OC(C)=O)C(OC(C)=O)C1OC(C)=O",
        "CCP(CC)CC.CC(=O)OCC1OC([S-])C(OC(C)=O)C(OC(C)=O)C1OC(C)=O.[Au+]",
        "CC[P+](CC)(CC)[Au-]SC1OC(COC(C)=O)C(OC(C)=O)C(OC(C)=O)C1OC(C)=O",
        "CCP(->[Au]SC1OC(COC(C)=O)C(OC(C)=O)C(OC(C)=O)C1OC(C)=O)(CC)CC",
    ),
    "aurothioglucose": (
        "OCC1OC(S[Au])C(O)C(O)C1O",
        "OCC1OC([S-])C(O)C(O)C1O.[Au+]",
        "OCC1OC(S)C(O)C(O)C1O.[Au]",
    ),
    "sodium aurothiomalate": (
        "OC(=O)CC(S[Au])C(O)=O",
        "[Na+].[Na+].[O-]C(=O)CC(S[Au])C([O-])=O",
        "[Na+].[Na+].[O-]C(=O)CC([S-])C([O-])=O.[Au+].O",
    ),
    "silver sulfadiazine": (
        "Nc1ccc(cc1)S(=O)(=O)N([Ag])c1ncccn1",
        "Nc1ccc(cc1)S(=O)(=O)[N-]c1ncccn1.[Ag+]",
        "Nc1ccc(cc1)S(=O)(=O)Nc1ncccn1.[Ag]",
    ),
    "thiomersal": (
        "CC[Hg]Sc1ccccc1C(O)=O",
        "CC[Hg+].[S-]c1ccccc1C([O-])=O.[Na+]",
        "[Na+].CC[Hg]Sc1ccccc1C([O-])=O",
    ),
    "pyrithione zinc": (
        "O1[n+]2ccccc2S[Zn]11O[n+]2ccccc2S1",
        "[O-][n+]1ccccc1[S-].[O-][n+]1ccccc1[S-].[Zn+2]",
        "ON1C=CC=CC1=S.ON1C=CC=CC1=S.[Zn]",
    ),
    "bismuth subsalicylate": (
        "O[Bi]1OC(=O)c2ccccc2O1",
        "OC(=O)c1ccccc1O.[Bi]",
        "[O-]C(=O)c1ccccc1[O-].[OH-].[Bi+3]",
    ),
    "gallium nitrate": (
        "[Ga+3].[O-][N+]([O-])=O.[O-][N+]([O-])=O.[O-][N+]([O-])=O",
        "O[N+]([O-])=O.O[N+]([O-])=O.O[N+]([O-])=O.[Ga]",
        "[Ga+3].[O-]N(=O)=O.[O-]N(=O)=O.[O-]N(=O)=O.O.O",
    ),
    "titanocene dichloride": (
        "Cl[Ti](Cl)(C1C=CC=C1)C1C=CC=C1",
        "[cH-]1cccc1.[cH-]1cccc1.[Cl-].[Cl-].[Ti+4]",
        "C1=CC=C[CH-]1.C1=CC=C[CH-]1.Cl[Ti+2]Cl",
    ),
    "ferrous fumarate": (
        "[Fe+2].[O-]C(=O)/C=C/C([O-])=O",
        "OC(=O)C=CC(O)=O.[Fe]",
        "O=C1C=CC(=O)O[Fe]O1",
    ),
    "zinc acetate": (
        "CC(=O)O[Zn]OC(C)=O",
        "CC([O-])=O.CC([O-])=O.[Zn+2]",
        "CC(O)=O.CC(O)=O.[Zn].O.O",
    ),
    "cobalt salen": (
        "[Co+2].[O-]c1ccccc1C=NCCN=Cc1ccccc1[O-]",
        "Oc1ccccc1C=NCCN=Cc1ccccc1O.[Co]",
        "C1=[N]2CC[N]3=Cc4ccccc4O[Co]23Oc2ccccc12",
    ),
    # gadolinium
    "gadopentetate": (
        f"{DTPA}.[Gd]",
        f"{DTPA_IONS}.[Gd+3].{MEGLUMINE}.{MEGLUMINE}.[H+].[H+]",
        "OC(=O)CN1CCN2CCN(CC(O)=O)CC(=O)O[Gd](OC(=O)C1)OC(=O)C2",
    ),
    "gadobutrol": (
        "OCC(O)C(CO)N1CCN2CCN3CCN(CC1)CC(=O)O[Gd](OC(=O)C3)OC(=O)C2",
        "OCC(O)C(CO)N1CCN(CC([O-])=O)CCN(CC([O-])=O)CCN(CC([O-])=O)CC1.[Gd+3]",
        "OCC(O)C(CO)N1CCN(CC(O)=O)CCN(CC(O)=O)CCN(CC(O)=O)CC1.[Gd].O",
    ),
    "gadoterate": (
        "OC(=O)CN1CCN(CC(O)=O)CCN(CC(O)=O)CCN(CC(O)=O)CC1.[Gd]",
        "[O-]C(=O)CN1CCN(CC([O-])=O)CCN(CC([O-])=O)CCN(CC(O)=O)CC1.[Gd+3]",
        f"OC(=O)CN1CCN(CC([O-])=O)CCN(CC([O-])=O)CCN(CC([O-])=O)CC1.[Gd+3].{MEGLUMINE}",
    ),
    # arsenic, antimony, selenium
    "arsenic trioxide": (
        "O1[As]2O[As]3O[As]1O[As](O2)O3",
        "O=[As]O[As]=O",
        "[O-2].[O-2].[O-2].[As+3].[As+3]",
        "O[As](O)O",
        "[As](=O)[O-].[Na+]",
    ),
    "darinaparsin": (
        "C[As](C)SCC(NC(=O)CCC(N)C(=O)O)C(=O)NCC(=O)O",
        "C[As](C)SCC(NC(=O)CCC([NH3+])C([O-])=O)C(=O)NCC(O)=O",
        "C[As](C)SC[C@H](NC(=O)CC[C@H](N)C(=O)O)C(=O)NCC(=O)O.Cl",
    ),
    "antimony potassium tartrate": (
        "O=C1O[SbH]23OC1C1O[SbH]4(OC(C(O2)C(=O)O3)C(=O)O4)OC1=O",
        (
            "[K+].[K+].[O-]C(=O)C([O-])C([O-])C([O-])=O.[O-]C(=O)C([O-])C([O-])C([O-])=O."
            "[Sb+3].[Sb+3].O.O.O"
        ),
        "OC(=O)C(O)C(O)C(O)=O.OC(=O)C(O)C(O)C(O)=O.[Sb].[Sb]",
    ),
    "sodium selenite": (
        "[Na+].[Na+].[O-][Se]([O-])=O",
        "O[Se](O)=O.[Na].[Na]",
        "[Na]O[Se](=O)O[Na]",
    ),
    # lithium
    "lithium": (
        "[Li]OC(=O)O[Li]",
        "[Li+].[Li+].[O-]C([O-])=O",
        "[Li].[Li].[Li].OC(=O)CC(O)(CC(O)=O)C(O)=O",
        "[Li+].[Cl-]",
        "[Li+].CC([O-])=O",
    ),
    # boron
    "bortezomib": (
        "B(C(CC(C)C)NC(=O)C(Cc1ccccc1)NC(=O)c1cnccn1)(O)O",
        "CC(C)C[C@H](NC(=O)[C@H](Cc1ccccc1)NC(=O)c1cnccn1)B(O)O",
        "CC(C)CC(NC(=O)C(Cc1ccccc1)NC(=O)c1cnccn1)B(O)[O-].[Na+]",
        "CC(C)C[C@H](NC(=O)[C@H](Cc1ccccc1)NC(=O)c1cnccn1)[B-](O)(O)O.[Na+]",
        "CC(C)CC(NC(=O)C(Cc1ccccc1)NC(=O)c1cnccn1)[B-](O)(O)[OH2+]",
        (
            "CC(C)CC(NC(=O)C(Cc1ccccc1)NC(=O)c1cnccn1)B1OB(C(CC(C)C)NC(=O)C(Cc2ccccc2)"
            "NC(=O)c2cnccn2)OB(O1)C(CC(C)C)NC(=O)C(Cc1ccccc1)NC(=O)c1cnccn1"
        ),
    ),
    "ixazomib": (
        "CC(C)C[C@H](NC(=O)CNC(=O)c1cc(Cl)ccc1Cl)B(O)O",
        "B(C(CC(C)C)NC(=O)CNC(=O)C1=C(C=CC(=C1)Cl)Cl)(O)O",
        "CC(C)CC(NC(=O)CNC(=O)c1cc(Cl)ccc1Cl)B(O)O.OCC(O)CO",
        "CC(C)CC(NC(=O)CNC(=O)c1cc(Cl)ccc1Cl)[B-](O)(O)[O-].[Na+].[Na+]",
    ),
    "tavaborole": (
        "OB1OCc2cc(F)ccc12",
        "B1(C2=C(CO1)C=C(C=C2)F)O",
        "[O-]B1OCc2cc(F)ccc12.[K+]",
        "O[B-]1(O)OCc2cc(F)ccc12.[K+]",
        "B1(OB2OCc3cc(F)ccc32)OCc2cc(F)ccc12",
    ),
    "crisaborole": (
        "OB1OCc2cc(Oc3ccc(cc3)C#N)ccc12",
        "B1(C2=C(CO1)C=C(C=C2)OC3=CC=C(C=C3)C#N)O",
        "O[B-]1(O)OCc2cc(Oc3ccc(cc3)C#N)ccc12.[Na+]",
    ),
    "vaborbactam": (
        "B1(C(CCC(O1)CC(=O)O)NC(=O)CC2=CC=CS2)O",
        "OB1O[C@H](CC(O)=O)CC[C@@H]1NC(=O)Cc1cccs1",
        "O[B-]1(O)OC(CC([O-])=O)CCC1NC(=O)Cc1cccs1.[Na+].[Na+]",
    ),
    "boronophenylalanine": (
        "NC(Cc1ccc(cc1)B(O)O)C(O)=O",
        "[NH3+]C(Cc1ccc(cc1)B(O)O)C([O-])=O",
        "NC(Cc1ccc(cc1)[B-](O)(O)O)C(O)=O.[Na+]",
    ),
    # salts whose counterion is larger than the drug
    "metformin": (
        "CN(C)C(=N)NC(N)=N",
        "CN(C)C(=N)N=C(N)N.Cl",
        f"CN(C)C(=N)NC(N)=N.CN(C)C(=N)NC(N)=N.{PAMOATE}",
        "CN(C)C(N)=NC(N)=[NH2+].[Cl-]",
    ),
    "imipramine": (
        "CN(C)CCCN1c2ccccc2CCc2ccccc21",
        f"CN(C)CCCN1c2ccccc2CCc2ccccc21.{PAMOATE}",
        "C[NH+](C)CCCN1c2ccccc2CCc2ccccc21.[Cl-]",
    ),
    "pyrantel": (
        "CN1CCCN=C1/C=C/c1cccs1",
        f"CN1CCCN=C1C=Cc1cccs1.{PAMOATE}",
        "CN1CCCN=C1/C=C/c1cccs1.OC(C(O)C(O)=O)C(O)=O",
    ),
    "erythromycin": (
        ERYTHROMYCIN,
        f"{ERYTHROMYCIN}.{STEARATE}",
        f"{ERYTHROMYCIN}.OCC(O)C(OC1OC(CO)C(O)C(O)C1O)C(O)C(O)C(O)=O",
    ),
    "salmeterol": (
        "OCc1cc(ccc1O)C(O)CNCCCCCCOCCCCc1ccccc1",
        "OCc1cc(ccc1O)C(O)CNCCCCCCOCCCCc1ccccc1.OC(=O)c1ccc2ccccc2c1O",
        "OCc1cc(ccc1O)C(O)C[NH2+]CCCCCCOCCCCc1ccccc1.[O-]C(=O)c1ccc2ccccc2c1O",
    ),
    "propoxyphene": (
        "CCC(=O)OC(Cc1ccccc1)(C(C)CN(C)C)c1ccccc1",
        "CCC(=O)OC(Cc1ccccc1)(C(C)CN(C)C)c1ccccc1.OS(=O)(=O)c1ccc2ccccc2c1",
        "CCC(=O)O[C@](Cc1ccccc1)([C@H](C)CN(C)C)c1ccccc1.Cl",
    ),
    "benzylpenicillin": (
        "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(O)=O",
        "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C([O-])=O.[Na+]",
        (
            "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(O)=O."
            "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(O)=O.C(CNCc1ccccc1)NCc1ccccc1"
        ),
    ),
    "perindopril": (
        "CCCC(C(=O)OCC)NC(C)C(=O)N1C2CCCCC2CC1C(O)=O",
        "CCCC(C(=O)OCC)NC(C)C(=O)N1C2CCCCC2CC1C(O)=O.CC(C)(C)N",
        "CCCC(C(=O)OCC)NC(C)C(=O)N1C2CCCCC2CC1C(O)=O.NC(CCCNC(N)=N)C(O)=O",
    ),
    "diclofenac": (
        "OC(=O)Cc1ccccc1Nc1c(Cl)cccc1Cl",
        "[Na+].[O-]C(=O)Cc1ccccc1Nc1c(Cl)cccc1Cl",
        "OC(=O)Cc1ccccc1Nc1c(Cl)cccc1Cl.OCCN1CCCC1",
        "OC(=O)Cc1ccccc1Nc1c(Cl)cccc1Cl.CCNCC",
    ),
    "ketorolac": (
        "OC(=O)C1CCn2c1ccc2C(=O)c1ccccc1",
        "OC(=O)C1CCn2c1ccc2C(=O)c1ccccc1.NC(CO)(CO)CO",
        "[O-]C(=O)C1CCn2c1ccc2C(=O)c1ccccc1.[NH3+]C(CO)(CO)CO",
    ),
    "vilanterol": (
        "OCc1cc(ccc1O)C(O)CNCCCCCCOCCOCc1c(Cl)cccc1Cl",
        (
            "OC(=O)C(c1ccccc1)(c1ccccc1)c1ccccc1."
            "OCc1cc(ccc1O)C(O)CNCCCCCCOCCOCc1c(Cl)cccc1Cl"
        ),
        "OCc1cc(ccc1O)C(O)C[NH2+]CCCCCCOCCOCc1c(Cl)cccc1Cl.[Cl-]",
    ),
    "promethazine": (
        "CC(CN1c2ccccc2Sc2ccccc12)N(C)C",
        "CC(CN1c2ccccc2Sc2ccccc12)N(C)C.Cl",
        "CC(CN1c2ccccc2Sc2ccccc12)N(C)C.Cn1c2nc(Cl)[nH]c2c(=O)n(C)c1=O",
    ),
    # salts and solvates of kinase inhibitors and others
    "imatinib": (
        "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(n1)-c1cccnc1",
        "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(n1)-c1cccnc1.CS(O)(=O)=O",
        (
            "Cc1ccc(NC(=O)c2ccc(C[NH+]3CCN(C)CC3)cc2)cc1Nc1nccc(n1)-c1cccnc1."
            "CS([O-])(=O)=O"
        ),
    ),
    "lapatinib": (
        "CS(=O)(=O)CCNCc1ccc(o1)-c1ccc2ncnc(Nc3ccc(OCc4cccc(F)c4)c(Cl)c3)c2c1",
        (
            "CS(=O)(=O)CCNCc1ccc(o1)-c1ccc2ncnc(Nc3ccc(OCc4cccc(F)c4)c(Cl)c3)c2c1."
            "Cc1ccc(cc1)S(O)(=O)=O.Cc1ccc(cc1)S(O)(=O)=O.O"
        ),
        (
            "C[S](=O)(=O)CCNCC1=CC=C(O1)C1=CC2=C(C=C1)N=CN=C2NC1=CC(Cl)=C(OCC2=CC(F)=CC=C2)"
            "C=C1"
        ),
    ),
    "trametinib": (
        "CC(=O)Nc1cccc(c1)N1C(=O)N(C2CC2)C(=O)c2c1c(C)c(=O)n(C)c2Nc1ccc(I)cc1F",
        "CC(=O)Nc1cccc(c1)N1C(=O)N(C2CC2)C(=O)c2c1c(C)c(=O)n(C)c2Nc1ccc(I)cc1F.CS(C)=O",
        "CC(=O)Nc1cccc(c1)N1C(=O)N(C2CC2)C(=O)c2c1c(C)c(=O)n(C)c2Nc1ccc(I)cc1F.CCO",
    ),
    "sunitinib": (
        "CCN(CC)CCNC(=O)c1c(C)[nH]c(/C=C2\\C(=O)Nc3ccc(F)cc23)c1C",
        "CCN(CC)CCNC(=O)c1c(C)[nH]c(C=C2C(=O)Nc3ccc(F)cc23)c1C.OC(CC(O)=O)C(O)=O",
        "CC[NH+](CC)CCNC(=O)c1c(C)[nH]c(C=C2C(=O)Nc3ccc(F)cc23)c1C.[Cl-]",
    ),
    "caffeine": (
        "Cn1cnc2n(C)c(=O)n(C)c(=O)c12",
        "CN1C=NC2=C1C(=O)N(C)C(=O)N2C.OC(=O)CC(O)(CC(O)=O)C(O)=O",
        "Cn1cnc2n(C)c(=O)n(C)c(=O)c12.O",
    ),
    "theophylline": (
        "Cn1c2nc[nH]c2c(=O)n(C)c1=O",
        "Cn1c2[nH]cnc2c(=O)n(C)c1=O.O",
        "Cn1c2nc[nH]c2c(=O)n(C)c1=O.Cn1c2nc[nH]c2c(=O)n(C)c1=O.NCCN",
    ),
    "ampicillin": (
        "CC1(C)SC2C(NC(=O)C(N)c3ccccc3)C(=O)N2C1C(O)=O",
        "CC1(C)SC2C(NC(=O)C([NH3+])c3ccccc3)C(=O)N2C1C([O-])=O.O.O.O",
        "CC1(C)SC2C(NC(=O)C(N)c3ccccc3)C(=O)N2C1C(=O)O[Na]",
    ),
    "phenylisoserine": (
        "NC(C(O)C(O)=O)c1ccccc1",
        "[NH3+]C(C(O)C([O-])=O)c1ccccc1",
        "NC(C(O)C(O)=O)c1ccccc1.O.O.O",
    ),
    # charged forms
    "betaine": (
        "C[N+](C)(C)CC([O-])=O",
        "C[N+](C)(C)CC(O)=O.[Cl-]",
        "C[N+](C)(C)CC([O-])=O.O",
    ),
    "choline": (
        "C[N+](C)(C)CCO",
        "C[N+](C)(C)CCO.[Cl-]",
        "C[N+](C)(C)CCO.OC(C(O)C([O-])=O)C(O)=O",
    ),
    "lysine": (
        "NCCCCC(N)C(O)=O",
        "[NH3+]CCCCC([NH3+])C([O-])=O.[Cl-]",
        "NCCCCC(N)C(O)=O.CC(O)=O",
    ),
    "saccharin": (
        "O=C1NS(=O)(=O)c2ccccc12",
        "O=C1[N-]S(=O)(=O)c2ccccc12.[Na+]",
        "O=C1N([Na])S(=O)(=O)c2ccccc12",
    ),
    "phenytoin": (
        "O=C1NC(=O)C(N1)(c1ccccc1)c1ccccc1",
        "O=C1N=C([O-])NC1(c1ccccc1)c1ccccc1.[Na+]",
        "O=C1[N-]C(=O)C(N1)(c1ccccc1)c1ccccc1.[Na+]",
    ),
    "minoxidil": (
        "Nc1cc(nc(N)[n+]1[O-])N1CCCCC1",
        "NC1=CC(N2CCCCC2)=NC(N)=[N+]1[O-]",
        "Nc1cc(nc(N)n1=O)N1CCCCC1",
    ),
    # tautomers
    "warfarin": (
        "CC(=O)CC(c1ccccc1)c1c(O)c2ccccc2oc1=O",
        "CC(=O)CC(c1ccccc1)C1C(=O)Oc2ccccc2C1=O",
        "CC(=O)CC(c1ccccc1)c1c([O-])c2ccccc2oc1=O.[Na+]",
    ),
    "edaravone": (
        "CC1=NN(C(=O)C1)c1ccccc1",
        "Cc1cc(O)n(n1)-c1ccccc1",
        "Cc1cc(=O)n([nH]1)-c1ccccc1",
    ),
    "phenylbutazone": (
        "CCCCC1C(=O)N(N(C1=O)c1ccccc1)c1ccccc1",
        "CCCCC1=C(O)N(N(C1=O)c1ccccc1)c1ccccc1",
        "CCCC[C-]1C(=O)N(N(C1=O)c1ccccc1)c1ccccc1.[Na+]",
    ),
    "curcumin": (
        "COc1cc(C=CC(=O)CC(=O)C=Cc2ccc(O)c(OC)c2)ccc1O",
        "COc1cc(/C=C/C(O)=C/C(=O)/C=C/c2ccc(O)c(OC)c2)ccc1O",
        "COc1cc(C=CC(=O)C=C([O-])C=Cc2ccc(O)c(OC)c2)ccc1O.[K+]",
    ),
    "teriflunomide": (
        "CC(O)=C(C#N)C(=O)Nc1ccc(cc1)C(F)(F)F",
        "CC(=O)C(C#N)C(=O)Nc1ccc(cc1)C(F)(F)F",
        "CC([O-])=C(C#N)C(=O)Nc1ccc(cc1)C(F)(F)F.[Na+]",
    ),
    "piroxicam": (
        "CN1C(C(=O)Nc2ccccn2)=C(O)c2ccccc2S1(=O)=O",
        "CN1C(C(=O)Nc2ccccn2)C(=O)c2ccccc2S1(=O)=O",
        "C[N]1C(=C(O)c2ccccc2S1(=O)=O)C(=O)Nc1cccc[nH+]1.[Cl-]",
    ),
    "nitisinone": (
        "O=C1CCCC(=O)C1C(=O)c1ccc(cc1[N+]([O-])=O)C(F)(F)F",
        "OC1=C(C(=O)CCC1)C(=O)c1ccc(cc1N(=O)=O)C(F)(F)F",
        "O=C1CCCC(=O)C1=C(O)c1ccc(cc1[N+]([O-])=O)C(F)(F)F",
    ),
    "tetracycline": (
        "CN(C)C1C2CC3C(C(=O)c4c(O)cccc4C3(C)O)=C(O)C2(O)C(=O)C(C(N)=O)=C1O",
        "CN(C)C1C2CC3C(=C(O)c4c(O)cccc4C3(C)O)C(=O)C2(O)C(O)=C(C(N)=O)C1=O",
        "CN(C)C1C2CC3C(C(=O)c4c(O)cccc4C3(C)O)=C(O)C2(O)C(=O)C(C(N)=O)=C1O.Cl",
    ),
    "omeprazole": (
        "COc1ccc2[nH]c(nc2c1)S(=O)Cc1ncc(C)c(OC)c1C",
        "COc1ccc2nc([nH]c2c1)S(=O)Cc1ncc(C)c(OC)c1C",
        "COc1ccc2[nH]c(nc2c1)[S+]([O-])Cc1ncc(C)c(OC)c1C",
        (
            "COc1ccc2n([Mg]n3c(nc4cc(OC)ccc34)S(=O)Cc3ncc(C)c(OC)c3C)c(nc2c1)S(=O)Cc1ncc(C)"
            "c(OC)c1C"
        ),
    ),
    "mercaptopurine": (
        "S=c1nc[nH]c2nc[nH]c12",
        "Sc1ncnc2[nH]cnc12",
        "S=C1N=CNC2=C1NC=N2.O",
    ),
    "allopurinol": (
        "O=c1nc[nH]c2[nH]ncc12",
        "Oc1ncnc2[nH]ncc12",
        "[O-]c1ncnc2[nH]ncc12.[Na+]",
    ),
    "laquinimod": (
        "CCN(C(=O)C1=C(O)c2c(Cl)cccc2N(C)C1=O)c1ccccc1",
        "CCN(C(=O)C1C(=O)c2c(Cl)cccc2N(C)C1=O)c1ccccc1",
        "CCN(C(=O)c1c([O-])c2c(Cl)cccc2n(C)c1=O)c1ccccc1.[Na+]",
    ),
    # isotopes and stereoisomers
    "tetrabenazine": (
        "COc1cc2CCN3CC(CC(C)C)C(=O)CC3c2cc1OC",
        "[2H]C([2H])([2H])Oc1cc2CCN3CC(CC(C)C)C(=O)CC3c2cc1OC([2H])([2H])[2H]",
        "COc1cc2CCN3C[C@@H](CC(C)C)C(=O)C[C@@H]3c2cc1OC",
    ),
    "thalidomide": (
        "O=C1CCC(N2C(=O)c3ccccc3C2=O)C(=O)N1",
        "O=C1CC[C@@H](N2C(=O)c3ccccc3C2=O)C(=O)N1",
        "O=C1CC[C@H](N2C(=O)c3ccccc3C2=O)C(=O)N1",
    ),
}

# Each of these is another compound than all others, here and above.
APART: dict[str, str] = {
    "ligand of carboplatin": "OC(=O)C1(CCC1)C(O)=O",
    "ligand of oxaliplatin": "NC1CCCCC1N",
    "oxalic acid": "OC(=O)C(O)=O",
    "mannitol ester of bortezomib": (
        "CC(C)CC(NC(=O)C(Cc1ccccc1)NC(=O)c1cnccn1)B1OC(C(O)CO)C(C(O)CO)O1"
    ),
    "citrate ester of ixazomib": (
        "CC(C)CC(NC(=O)CNC(=O)c1cc(Cl)ccc1Cl)B1OC(=O)CC(CC(O)=O)(O1)C(O)=O"
    ),
    "trifluoroborate of bortezomib": (
        "CC(C)CC(NC(=O)C(Cc1ccccc1)NC(=O)c1cnccn1)[B-](F)(F)F.[K+]"
    ),
    "open form of tavaborole": "OCc1cc(F)ccc1B(O)O",
    "open form of vaborbactam": "OB(O)C(CCC(O)CC(O)=O)NC(=O)Cc1cccs1",
    "boric acid": "OB(O)O",
    "phenylboronic acid": "OB(O)c1ccccc1",
    "phenyl trifluoroborate": "F[B-](F)(F)c1ccccc1.[K+]",
    "pinacol ester of phenylboronic acid": "CC1(C)OB(OC1(C)C)c1ccccc1",
    "potassium tetrachloroplatinate": "[K+].[K+].[Cl-].[Cl-].[Cl-].[Cl-].[Pt+2]",
    "dichloro(diaminocyclohexane)platinum": "Cl[Pt]1(Cl)NC2CCCCC2N1",
    "palladium analogue of cisplatin": "N.N.Cl[Pd]Cl",
    "pamoic acid": PAMOATE,
    "stearic acid": STEARATE,
    "meglumine": MEGLUMINE,
    "citric acid": "OC(=O)CC(O)(CC(O)=O)C(O)=O",
    "sulfadiazine": "Nc1ccc(cc1)S(=O)(=O)Nc1ncccn1",
    "pyrithione": "ON1C=CC=CC1=S",
    "salicylic acid": "OC(=O)c1ccccc1O",
    "pentetic acid": DTPA,
    "arsenic acid": "O[As](O)(O)=O",
    "thioglucose": "OCC1OC(S)C(O)C(O)C1O",
    "zinc sulfate": "[Zn+2].[O-]S([O-])(=O)=O",
    "sodium chloride": "[Na+].[Cl-]",
    "potassium chloride": "[K+].[Cl-]",
    "calcium carbonate": "[Ca+2].[O-]C([O-])=O",
    "leflunomide": "Cc1oncc1C(=O)Nc1ccc(cc1)C(F)(F)F",
    "lenalidomide": "O=C1CCC(N2Cc3c(N)cccc3C2=O)C(=O)N1",
    "pomalidomide": "O=C1CCC(N2C(=O)c3cccc(N)c3C2=O)C(=O)N1",
    "morphine": "CN1CCC23C4Oc5c2c(CC1C3C=CC4O)ccc5O",
    "hydromorphone": "CN1CCC23C4Oc5c2c(CC1C3CCC4=O)ccc5O",
    "4-androstenedione": "CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2=O",
    "5-androstenedione": "CC12CCC3C(CC=C4CC(=O)CCC34C)C1CCC2=O",
    "testosterone": "CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2O",
    "prasterone": "CC12CCC3C(CC=C4CC(O)CCC34C)C1CCC2=O",
    "glucose, open": "OCC(O)C(O)C(O)C(O)C=O",
    "fructose, open": "OCC(O)C(O)C(O)C(=O)CO",
    "glucose": "OCC1OC(O)C(O)C(O)C1O",
    "fructose": "OCC1(O)OCC(O)C(O)C1O",
    "hypoxanthine": "O=c1nc[nH]c2nc[nH]c12",
    "guanine": "Nc1nc2[nH]cnc2c(=O)[nH]1",
    "tioguanine": "Nc1nc2[nH]cnc2c(=S)[nH]1",
    "lansoprazole": "Cc1c(OCC(F)(F)F)ccnc1CS(=O)c1nc2ccccc2[nH]1",
    "sulfamethoxazole": "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",
    "trimethoprim": "COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC",
    "both of them": ("Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1.COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC"),
    "acetone": "CC(C)=O",
    "propanal": "CCC=O",
    "deferiprone": "Cc1c(O)c(=O)ccn1C",
    "hydroquinone": "Oc1ccc(O)cc1",
    "benzoquinone": "O=C1C=CC(=O)C=C1",
}
