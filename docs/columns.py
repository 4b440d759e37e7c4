"""A sentence for every table of a report and for each of its columns; `docs/generate.py` joins them to the schemas."""

TABLES = {
    "files": "A row is a path ever seen: the ledger. Nothing that was walked is missing from it.",
    "images": "A row is a unique content (the bytes of a file).",
    "duplicates": "A row is a member of a group of images that show one picture.",
    "scales": "A row is a picture whose scale was looked for.",
    "label_sets": "A row is a label set.",
    "labels": "A row is a picture in a set.",
    "contradictions": (
        "A row is a file of a label set whose picture has another label in the set, too; such a picture is left out of "
        "all scores."
    ),
    "dimension": "A row is one 2-NN estimate of the intrinsic dimension.",
    "neighbours": "A row is a set of vectors: how the neighbours of its points were found.",
    "dimension_scales": "A row is a Gride estimate of the intrinsic dimension, between neighbours n1 and n2.",
    "dimension_findings": "A row is a set of vectors: what its dimension and its components come to.",
    "loadings": "A row is one of the 10 largest entries of one of the first 5 principal components.",
    "distance_map": "A row is a pair of labels: how far their pictures lie apart (at most 40 labels).",
    "preservation": "A row is a code: how well it keeps the neighbourhoods of the vectors that it was made from.",
    "spectrum": "A row is a principal component of a set of vectors.",
    "distances": "A row is a set of vectors and a label set.",
    "autoencoders": "A row is an epoch of training.",
    "clusterings": "A row is a clustering: a set of vectors, a method and a number of clusters.",
    "clusters": "A row is a picture in a clustering.",
    "quality": "A row is a clustering, measured without labels (sets of at most `assess.max_points` vectors).",
    "recommended_k": (
        "A row is a set of vectors, a method and a criterion: the number of clusters with the best value. "
        "Recommended is that of the largest silhouette over all methods; the others show whether they agree."
    ),
    "category_tree": (
        "A row is a category: a label or cluster that was divided, one of its parts, and so on (`[[subdivide]]` of the "
        "recipe)."
    ),
    "category_members": "A row is a picture in a tree of categories.",
    "category_scores": "A row is a level of a tree of categories against a level of a label set.",
    "agreement": (
        "A row is a score of a clustering against a label set. The reference curves `refined`, `uniform` and "
        "`orthogonal` are methods here; they have an NMI only."
    ),
    "confusion": "A row is a cell of the table of labels against clusters; only cells with pictures in them.",
    "runs": "A row is a commit that holds work, oldest first.",
}

# A column by its name, or by table and name where it means something else there.
COLUMNS = {
    # files
    "path": (
        "Path from the corpus's root, with `/`; bytes that are not UTF-8 are percent-escaped. `report.pdf#page=2` is "
        "the picture on a page of a document."
    ),
    "size_bytes": "Size of the file.",
    "modified": "When the file was last changed, as the file system says.",
    "files.format": "Format found from the content, not from the name.",
    "md5": "MD5 of the file's bytes (of a page: of its picture's), 32 hexadecimal digits.",
    "files.status": (
        "`ok` (the first path of its content), `duplicate` (its content is known under another path), `document` "
        "(a PDF of several pages, each with a row of its own), `corrupt`, `unsupported`, `unreadable`, `too_large`, "
        "`not_judged` (the machine killed, stopped or starved what was to judge it, or its disk was full: the next run "
        "tries again), `left_out` (a link out of the corpus, see `corpus.follow_links`), or `gone` (was there once)."
    ),
    "files.reason": "Why there is no image, in words.",
    "files.image": "Row of its content in `images`; null where there is none.",
    # images
    "image": "Row in the store's `images` arrays.",
    "pixel_md5": "MD5 of the decoded pixels.",
    "picture": "The image that stands for this picture (itself, for most); later stages work on these only.",
    "format": "Format of the content.",
    "width_px": "Width in pixels.",
    "height_px": "Height in pixels.",
    "bit_depth": "Significant bits a channel, as the file declares them.",
    "pages": "Pictures in the file; of a TIFF the largest (the first of equal ones) is taken.",
    "present": "Whether any file with this content is there now.",
    "metadata_nm_per_px": "Nanometres a pixel as the vendor's metadata states them.",
    "metadata": "The vendor's metadata that was understood, as JSON.",
    "paths": "All present paths of this content.",
    # duplicates
    "group": "The group's name: the image that stands for it.",
    "relation": (
        "How the member is tied to its group: `same_pixels`, `same_picture` (another encoding), `near`, `thumbnail`, "
        "`crop`, `other_bar`; empty for the image that stands for the group."
    ),
    "evidence": (
        "What the relation rests on: `equal_pixels`, `re_encoded` (one file's pixels encoded again are the other's "
        "bytes), `quantisation` (within what the JPEGs' quantisation explains), `levels` (at most 2 gray levels), "
        "`gray_scale` (so after a linear change of gray, of a file of more than 8 bits), "
        "`resampled`."
    ),
    "differing_pixels": "Pixels that differ from the one it is tied to.",
    "max_difference": "Largest difference of gray values, 0 to 255.",
    # scales
    "scales.status": (
        "`read` (from the bar), `metadata` (no bar), `agrees` (both), `confirmed` (by a person); without a value: "
        "`disagrees`, `uncertain`, `no_bar`, `no_segment`, `no_text`, `no_unit`."
    ),
    "source": "`bar`, `metadata`, `both`, `person`, or empty.",
    "text": "The bar's label as it was read.",
    "scale_nm": "The length in nanometres that the label states.",
    "bar_length_px": "Length of the scale's segment in pixels.",
    "nm_per_px": "Nanometres a pixel; null unless the status carries a value.",
    "confidence": "0 to 1.",
    "crop": "Digest of the label's pixels: pictures with the same have one reading, and one answer in the review.",
    "reason": "What the value rests on, or why there is none.",
    # labels
    "set": "Name of the label set.",
    "files": "Files that the set lists.",
    "unique": "Different contents among them.",
    "matched": "Contents that are in the corpus.",
    "matched_by_bytes": "Contents whose very bytes are in the corpus.",
    "matched_by_pixels": "Contents whose pixels are, in other bytes.",
    "matched_by_re_encoding": "Contents that are a picture of the corpus encoded anew, or within what that explains.",
    "unmatched": "Contents that are not.",
    "repeated": "Files whose content the set has already.",
    "label_sets.contradictory": "Pictures (or contents that are in no picture) with more than one label.",
    "contradictions.image": "The picture; null where the content is in no picture of the corpus.",
    "contradictions.path": "The file in the label set, from the set's root; its file column for a CSV.",
    "labels.image": "The picture that the label belongs to.",
    "label": "The label, a path where classes are nested (`Fibres/bundle`).",
    "contradictory": "Whether the set gives the picture several labels; they are joined by `; `.",
    # vectors
    "vectors": "Name of the set of vectors.",
    "fraction": "Share of the mu values that the line is fitted on.",
    "subsample": "-1 for all points, else the number of the repeat on a random part of them.",
    "n_points": "Points that the estimate rests on.",
    "n_dropped": "Points left out, being duplicates.",
    "dimension": "The estimate.",
    "error": "Its standard error, or the spread of the repeats.",
    "ml_dimension": "The maximum-likelihood estimate from all mu.",
    "ml_error": "Its standard error.",
    "n1": "The nearer neighbour that distances are taken to, counted from 1.",
    "n2": "The farther one.",
    "scale": "Mean of both distances: where the dimension was measured.",
    "dimension_scales.error": "Its standard error, points taken as independent.",
    "plateau": "The dimension over the longest range of sizes where it does not change; null where there is none.",
    "plateau_fewest": "Points of the smallest subsamples in that range; 0 where there is none.",
    "plateau_most": "Points of the largest.",
    "components_90": "Principal components that hold 90% of the variance; 0 where there is none.",
    "components_95": "Those that hold 95%.",
    "components_99": "Those that hold 99%.",
    "statement": "What the estimates show, in words: a plateau or none, what was dropped, why there is none.",
    "feature": "Number of the feature, from 0.",
    "loading": "The component's entry there; components have length 1.",
    "other": "The other label; the same for pictures of one label.",
    "distance_map.n_points": "Pictures of the label that were compared, of at most 5,000 in all.",
    "mean_distance": "Mean Euclidean distance of their vectors.",
    "n_neighbours": "Neighbours looked at.",
    "trustworthiness": "1 where nothing becomes a neighbour in the code that was none in the vectors.",
    "continuity": "1 where no neighbour in the vectors is lost in the code.",
    "share_kept": "Share of the neighbours in the vectors that are neighbours in the code.",
    "preservation.vectors": "Name of the set of vectors that the code was made from.",
    "preservation.n_points": "Pictures compared, at most 5,000.",
    "neighbours.n_points": "Points searched.",
    "neighbours.k": "Neighbours a point.",
    "metric": "`euclidean` or `cosine`.",
    "neighbours.method": "`exact`, or the library, its version and parameters.",
    "recall": "Share of the true neighbours that were found; 1 where exact.",
    "recall_rows": "Points that the recall was measured on; 0 where exact.",
    "component": "Number of the component, from 1.",
    "explained_variance_ratio": "Share of the variance along it.",
    "cumulative_ratio": "Share along it and all before it.",
    "distances.n_points": "Labelled pictures that were compared.",
    "correlation_with_labels": "Correlation of distances with having different labels.",
    # autoencoders
    "codes": "Name of the set of vectors that it makes.",
    "layers": "Sizes of its layers.",
    "tied": "Whether the outer decoder's weight is the transpose of the encoder's.",
    "activation": "Activation between layers.",
    "phase": "Which training: of some layers, or of the whole (`g`); `pca` is no training but the loss of principal "
    "components of the code's length on the same pictures.",
    "epoch": "From 1 within the phase; 0 is before the first step.",
    "train_loss": "Mean squared error of a value on what it was trained on; 1 is what the mean alone loses.",
    "test_loss": "The same on what was held out.",
    "kept": "What makes the codes: the `network` (at its best epoch of the last phase), or `pca` where that lost less.",
    # clusterings
    "clustering": "Its name: vectors, method and, where one was asked for, k.",
    "method": "The method, or the name that the recipe gives it; in `agreement` also the reference curves.",
    "k": "Number of clusters asked for; null where the method finds its own.",
    "clusterings.settings": "The method's settings, as JSON.",
    "n_images": "Pictures clustered.",
    "n_clusters": "Clusters that have pictures.",
    "inertia": "Sum of squared distances to the centres; k-means only.",
    "clusterings.seconds": "Seconds that it took.",
    "cluster": "Number of the cluster; -1 where the picture is in none.",
    "density": "Logarithm of the local density; Density Peaks only.",
    "delta": "Distance to the nearest denser point; Density Peaks only.",
    "is_center": "Whether it is a peak that a cluster grew from; Density Peaks only.",
    # agreement
    "level": "Level of a label path that was scored, from 1.",
    "n_scored": "Labelled pictures that were scored.",
    "nmi": "Mutual information normalised by the geometric mean of the entropies.",
    "ami": "Mutual information less what chance would give, normalised in the same way: 0 is no better than chance.",
    "ari": "Adjusted Rand index.",
    "homogeneity": "1 if every cluster holds one label only.",
    "completeness": "1 if every label lies in one cluster only.",
    "accuracy": "Share of pictures whose label is the most frequent one of their cluster (purity).",
    "hungarian_accuracy": "Share right under the best one-to-one matching of clusters to labels.",
    "count": "Pictures with this label in this cluster.",
    # quality without labels
    "quality.n_clusters": "Clusters that were found.",
    "quality.n_scored": "Pictures in a cluster; those in none are in no score but the stability, as one cluster more.",
    "quality.silhouette": "Mean silhouette, exact: how much nearer pictures are to their own cluster than to the next.",
    "davies_bouldin": "Davies-Bouldin index: the lower the better.",
    "calinski_harabasz": "Calinski-Harabasz index: the higher the better.",
    "quality.stability": (
        "Mean adjusted Rand index with clusterings of random shares of the pictures; null where it was not measured."
    ),
    "decision_gap": (
        "How many times less prominent the next centre of the decision graph is than the last one taken; Density Peaks "
        "only."
    ),
    "criterion": "The column of `quality` that chose.",
    "recommended_k.k": "Its number of clusters.",
    "value": "Its value.",
    "recommended": "Whether this is the recommendation for its set of vectors.",
    # trees of categories
    "tree": "Its name: vectors and the recipe's `name`.",
    "node": "Number of the category in its tree; parents come before their parts.",
    "category_members.node": "The deepest category that the picture is in.",
    "parent": "The category that it is a part of; null for what was divided first.",
    "category_tree.level": "0 for what was divided first, 1 for its parts.",
    "category_scores.level": "Level of the tree; a picture that is in no part there counts with what it stays in.",
    "category": "Its path: the label or cluster, then the number of the part.",
    "category_tree.n_images": "Pictures in it and its parts.",
    "n_children": "Parts that it was divided into; 0 for none.",
    "silhouette": "Mean silhouette of its pictures in its parts, by which the number of parts was chosen.",
    "stability": (
        "Mean Jaccard index with the most similar part when random shares of the parent's pictures are divided alone; "
        "above 0.75 is usually called stable, below 0.5 dissolved."
    ),
    "category_tree.label": "The most frequent whole label of its pictures.",
    "n_labelled": "Pictures that have a label.",
    "purity": "Share of the labelled ones that have it.",
    "category_tree.reason": "Why it was not divided; empty where it was, or lies at the tree's depth.",
    "label_level": "Level of the label path, from 1.",
    "n_categories": "Categories of the tree that have scored pictures, at this level.",
    "n_labels": "Labels of the scored pictures.",
    "dendrogram_purity": (
        "Of pairs of pictures with one label: the mean share of that label in the smallest category that has both. Of "
        "the whole tree, the same at each of its levels."
    ),
    # runs
    "commit": "Id of the commit.",
    "stage": "The stage.",
    "step": "What it did; empty where the stage has one step.",
    "kind": "`stage` for a finished step, `checkpoint` for a part of one.",
    "settings": "The settings, as JSON.",
    "started": "When the step began.",
    "seconds": "Seconds since then.",
    "items": "Pictures or files done.",
    "engine": "`local`, `dask` or `ray`.",
    "workers": "Its workers.",
    "cpu_seconds": "Processor time of all workers.",
    "peak_memory_bytes": "Most memory that a worker held.",
    "software": "Version of semcorpus.",
}
