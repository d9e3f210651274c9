set -e
python fit.py --degree "$1"
test -s "$SM_MODEL_DIR/model.joblib"
