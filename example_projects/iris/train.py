"""Train a logistic regression on the iris flowers that come with scikit-learn, and register it."""

import argparse

import matplotlib

matplotlib.use("Agg")

import mlflow
import mlflow.sklearn
import sklearn
from matplotlib.figure import Figure
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# MLflow 3 calls it the model's name, MLflow 2 the artifact's path.
MODEL_NAME = "name" if int(mlflow.__version__.split(".")[0]) >= 3 else "artifact_path"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-C", type=float, default=1.0)
    parser.add_argument("--test-share", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()

    flowers = load_iris(as_frame=True)
    names = [str(name) for name in flowers.target_names]
    train_x, test_x, train_y, test_y = train_test_split(
        flowers.data,
        flowers.target,
        test_size=args.test_share,
        random_state=args.seed,
        stratify=flowers.target,
    )

    with mlflow.start_run():
        mlflow.log_params({"C": args.C, "test-share": args.test_share, "seed": args.seed})

        # A learning curve: the same model on a growing number of flowers.
        for rows in range(20, len(train_x) + 1, 10):
            part = make_model(args.C).fit(train_x[:rows], train_y[:rows])
            mlflow.log_metric("test_accuracy_by_rows", part.score(test_x, test_y), step=rows)

        model = make_model(args.C).fit(train_x, train_y)
        found = model.predict(test_x)
        metrics = {
            "train_accuracy": model.score(train_x, train_y),
            "test_accuracy": accuracy_score(test_y, found),
            "test_f1": f1_score(test_y, found, average="macro"),
            "test_log_loss": log_loss(test_y, model.predict_proba(test_x)),
        }
        mlflow.log_metrics(metrics)
        mlflow.set_tag("model", "logistic regression")

        figure = Figure(figsize=(5, 4), layout="constrained")
        ConfusionMatrixDisplay.from_predictions(test_y, found, display_labels=names, ax=figure.subplots())
        mlflow.log_figure(figure, "confusion_matrix.png")

        mlflow.sklearn.log_model(
            model,
            **{MODEL_NAME: "model"},
            signature=infer_signature(train_x, model.predict(train_x)),
            input_example=test_x.head(3),
            registered_model_name="iris",
            pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        )

    print(
        f"C={args.C}: test accuracy {metrics['test_accuracy']:.3f}, log loss {metrics['test_log_loss']:.3f}"
    )


def make_model(C: float):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000))


if __name__ == "__main__":
    main()
