"""Codes: every coded concept Cutis writes, once, with where it was verified.

``99CUTIS`` is our private coding scheme; its dictionary is in docs/conformance.md. A private
code stands where no public one was verified, or where the public one means something else.
"""

from pydicom.sr.coding import Code

SCHEME = "99CUTIS"

# Segmented property categories, pydicom CID 7150.
TISSUE = Code("85756007", "SCT", "Tissue")
MORPHOLOGICALLY_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
FUNCTION = Code("246464006", "SCT", "Function")

# Structures. Skin and lesion: pydicom. Keloid: two independent public repositories.
# Stratum corneum: HL7 skin-wound guide. Dermis: UBERON bridge.
# Not SCT's epidermis (361694003) for what lies below the stratum corneum: that is a layer of it.
SKIN = Code("39937001", "SCT", "Skin")
SKIN_LESION = Code("95324001", "SCT", "Skin lesion")
KELOID = Code("33659008", "SCT", "Keloid scar")
STRATUM_CORNEUM = Code("20281003", "SCT", "Stratum corneum")
DERMIS = Code("361696001", "SCT", "Dermis")
DERMO_EPIDERMAL_JUNCTION = Code("DEJ", SCHEME, "Dermal-epidermal junction")
INFLAMED_SKIN = Code("INFLSKIN", SCHEME, "Inflamed skin")
VIABLE_EPIDERMIS = Code("VIAEPI", SCHEME, "Viable epidermis")
HYPERPERFUSED_REGION = Code("HYPERPERF", SCHEME, "Hyperperfused region")

# Quantities. Area, length, depth: pydicom. Perfusion: pydicom CID 218.
AREA = Code("42798000", "SCT", "Area")
LENGTH = Code("410668003", "SCT", "Length")
DEPTH = Code("131197000", "SCT", "Depth")
WIDTH = Code("103355008", "SCT", "Width")
PERFUSION = Code("110831", "DCM", "Perfusion")
AREA_FRACTION = Code("AREAFRAC", SCHEME, "Area fraction")
SKIN_FRACTION = Code("SKINFRAC", SCHEME, "Share of the skin")
PART_COUNT = Code("PARTCOUNT", SCHEME, "Number of separate parts")
LAYER_THICKNESS = Code("THICKNESS", SCHEME, "Layer thickness")
DEJ_UNDULATION = Code("DEJUND", SCHEME, "Dermal-epidermal junction undulation index")
PROTRUSION_COUNT = Code("PROTCOUNT", SCHEME, "Number of epidermal protrusions")
PROTRUSION_DEPTH = Code("PROTDEPTH", SCHEME, "Maximum epidermal protrusion depth")
PREDICTIVE_ENTROPY = Code("ENTROPY", SCHEME, "Predictive entropy")
SPECKLE_CONTRAST = Code("SPECKLEK", SCHEME, "Speckle contrast")
PERFUSION_RATIO = Code("PERFSURR", SCHEME, "Perfusion ratio to the surroundings")
PERFUSION_CORRELATION = Code("PERFCORR", SCHEME, "Correlation of predicted and measured perfusion")
INFLAMMATION_GRADE = Code("INFLGRADE", SCHEME, "Skin inflammation grade (0-4)")
INFLAMMATION_SCORE = Code("INFLSCORE", SCHEME, "Skin inflammation score (0-4, continuous)")
DISEASE_PROBABILITY = Code("DISPROB", SCHEME, "Probability of malignant disease or complication")
PROBABILITY = Code("122157", "DCM", "Probability")

# Derivations, pydicom.
MEAN = Code("373098007", "SCT", "Mean")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
MAXIMUM = Code("56851009", "SCT", "Maximum")

# Methods of a measurement (TID 300, PS3.3 C.7.6.16.2.11.1.2): a guess is not coded like a measure.
METHOD = Code("370129005", "SCT", "Measurement Method")
PREDICTED_FROM_PHOTO = Code("METHPHOTO", SCHEME, "Predicted from a photograph")
SPECKLE_FRAMES = Code("METHFRAMES", SCHEME, "Laser speckle contrast of raw frames")
SPECKLE_AS_STORED = Code("METHSTORED", SCHEME, "Laser speckle perfusion as stored")

# Sides, pydicom CID 244.
LEFT = Code("7771000", "SCT", "Left")
RIGHT = Code("24028007", "SCT", "Right")
BILATERAL = Code("51440002", "SCT", "Bilateral")

# Image-level assessments.
CALIBRATION = Code("CALIBRATION", SCHEME, "Spatial calibration")
CALIBRATED = Code("CALYES", SCHEME, "Calibrated")
NOT_CALIBRATED = Code("CALNO", SCHEME, "Not calibrated")
ELIGIBILITY = Code("ELIGIBILITY", SCHEME, "Eligibility for analysis")
ELIGIBLE = Code("ELIGYES", SCHEME, "Eligible")
NOT_ELIGIBLE = Code("ELIGNO", SCHEME, "Not eligible")
ANALYSIS = Code("ANALYSIS", SCHEME, "Status of analysis")
NOT_ANALYSED = Code("ANALNONE", SCHEME, "Not analysed")
ANALYSIS_FAILED = Code("ANALFAIL", SCHEME, "Analysis failed")
FAMILIARITY = Code("FAMILIARITY", SCHEME, "Likeness to the training data")
LIKE_TRAINING = Code("FAMYES", SCHEME, "Like the training data")
UNLIKE_TRAINING = Code("FAMNO", SCHEME, "Unlike the training data")
CROP_RULE = Code("CROPRULE", SCHEME, "Lesion crop rule (in the crop: skin > 80 %, lesion > 10 %)")
CROP_MET = Code("CROPYES", SCHEME, "Crop rule met")
CROP_NOT_MET = Code("CROPNO", SCHEME, "Crop rule not met")
DISEASE_CLASS = Code("CLASSOF2", SCHEME, "Likelier of the only two disease classes")
ATOPIC_DERMATITIS = Code("24079001", "SCT", "Atopic dermatitis")
MALIGNANT_OR_COMPLICATION = Code("MALCOMP", SCHEME, "Malignant disease or complication")

# What every report needs (TID 1500, 1501, 1004, 4019): pydicom; C0034375 stands in TID 1500 itself.
MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
COMMENT = Code("121106", "DCM", "Comment")
DEVICE = Code("121007", "DCM", "Device")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
PRESENCE = Code("121052", "DCM", "Presence of property")
ABSENT = Code("272519000", "SCT", "Absent")

# What a report of ours is read back by (TID 1500, 1501, 1502, 300): PS3.16, pydicom.
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
FINDING = Code("121071", "DCM", "Finding")
DERIVATION = Code("121401", "DCM", "Derivation")
TIME_POINT = Code("C2348792", "UMLS", "Time Point")

# What an earlier study said. The report referred to: pydicom (DCM).
PRIOR_REPORT = Code("122075", "DCM", "Prior report for current patient")
PREVIOUS_TIME_POINT = Code("TPPREV", SCHEME, "Previous time point")
CURRENT_TIME_POINT = Code("TPCURR", SCHEME, "Current time point")
CHANGE = Code("CHANGE", SCHEME, "Difference from the previous time point")

# Units, UCUM.
MILLIMETRE = Code("mm", "UCUM", "mm")
MICROMETRE = Code("um", "UCUM", "um")
SQUARE_MILLIMETRE = Code("mm2", "UCUM", "mm2")
PERCENT = Code("%", "UCUM", "percent")
PIXELS = Code("{pixels}", "UCUM", "pixels")
RATIO = Code("1", "UCUM", "no units")
PERFUSION_UNIT = Code("[arb'U]", "UCUM", "arbitrary unit")
SCORE = Code("{score}", "UCUM", "score")
COUNT = Code("{count}", "UCUM", "count")
